/**
 * How a resource is pulled. Each entry of a list is a stage; a stage's streams are read once the previous stage is
 * complete.
 */
export interface PullPlan {
  /** Lists that together contain everything. */
  readonly listing: readonly (readonly string[])[];
  /** Lists that together contain every change since a given time; null when the provider has no change feed. */
  readonly changes: readonly (readonly string[])[] | null;
  /** Additional seconds by which a stream of `changes` is read further back, for a list that items may join late. */
  readonly lookBackS?: Readonly<Record<string, number>>;
  /** Whether a record missing from a complete listing may have been deleted. */
  readonly mayVanish: boolean;
}
