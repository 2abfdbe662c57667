/** How a resource is pulled: each entry of a list is a stage, and a stage's streams are read when the stage before is complete. */
export interface PullPlan {
  /** Lists that together hold everything. */
  readonly listing: readonly (readonly string[])[];
  /** Lists that together tell everything that changed since a moment; null where the provider has no change feed. */
  readonly changes: readonly (readonly string[])[] | null;
  /** How much further back a stream of `changes` is read, in seconds: for a list whose items may join it late. */
  readonly lookBackS?: Readonly<Record<string, number>>;
  /** Whether a record that a complete listing does not bring may have been deleted. */
  readonly mayVanish: boolean;
}
