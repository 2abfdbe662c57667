/**
 * What is in conflict. `fields`: both sides changed the same fields differently. `deleted-by-venue`: the venue deleted
 * the record while the provider changed it. `deleted-by-provider`: the provider deleted it while the venue changed it.
 */
export const CONFLICT_KINDS = ['fields', 'deleted-by-venue', 'deleted-by-provider'] as const;
export type ConflictKind = (typeof CONFLICT_KINDS)[number];

export const CONFLICT_STATES = ['open', 'resolved'] as const;
export type ConflictState = (typeof CONFLICT_STATES)[number];

/** How a conflict ended. `agreed`: a later run found both sides equal. */
export const CONFLICT_RESOLUTIONS = ['venue', 'provider', 'values', 'agreed'] as const;
export type ConflictResolution = (typeof CONFLICT_RESOLUTIONS)[number];

/** One field in conflict, by name or, for a key of the metadata, as `metadata.<key>`. */
export interface ConflictField {
  readonly field: string;
  /** The value when both sides last agreed; null also when that is unknown. */
  readonly agreed: unknown;
  readonly venue: unknown;
  readonly provider: unknown;
}
