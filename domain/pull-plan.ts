/** How a resource is pulled: each entry of a list is a stage, and a stage's streams are read when the stage before is complete. */
export interface PullPlan {
  /** Lists that together hold everything. */
  readonly listing: readonly (readonly string[])[];
  /** Lists that together tell everything that changed since a moment; null where the provider has no change feed. */
  readonly changes: readonly (readonly string[])[] | null;
  /** Whether a record that a complete listing does not bring may have been deleted. */
  readonly mayVanish: boolean;
}
