import type { ConnectionId, RecordId, VenueId } from './ids.ts';

/** What every canonical record carries besides its fields. */
export interface RecordEnvelope {
  readonly id: RecordId;
  readonly venueId: VenueId;
  /** The venue's own key, 1–255 characters, unique per venue and resource. */
  readonly sourceId: string;
  /** Grows by one with every change of a field. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly deletedAt: Date | null;
}

/**
 * How a record stands with one connection. `pending`: a write's outcome is not known yet. `gone`: deleted at the provider.
 * `archived`: deleted by the venue, and its remote record taken out of use by us.
 */
export const LINK_STATES = ['pending', 'linked', 'rejected', 'gone', 'archived'] as const;
export type LinkState = (typeof LINK_STATES)[number];

/** Something of a record that a write could not carry to the provider, or left standing there. Never a value of the record. */
export interface RecordNote {
  /** Kebab-case, listed in docs/errors.md. */
  readonly code: string;
  readonly message: string;
}

export interface RecordLink {
  readonly connectionId: ConnectionId;
  readonly externalId: string | null;
  readonly syncedAt: Date | null;
  readonly state: LinkState;
  /** Of the last write. */
  readonly notes: readonly RecordNote[];
}
