import type { ConnectionId, RecordId, VenueId } from './ids.ts';

/** What every canonical record has besides its fields. */
export interface RecordEnvelope {
  readonly id: RecordId;
  readonly venueId: VenueId;
  /** The venue's own key, 1–255 characters, unique per venue and resource. */
  readonly sourceId: string;
  /** Incremented with every change of a field. */
  readonly version: number;
  /** Times of a record are ISO 8601 in UTC, as its fields' are. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly deletedAt: string | null;
}

/**
 * The state of a record in one connection. `pending`: the outcome of a write is not yet known. `gone`: deleted at the
 * provider. `archived`: deleted by the venue, and its remote record archived by us.
 */
export const LINK_STATES = ['pending', 'linked', 'rejected', 'gone', 'archived'] as const;
export type LinkState = (typeof LINK_STATES)[number];

/**
 * A part of a record that a write could not transfer, or that it left at the provider. Never contains a value of the
 * record.
 */
export interface RecordNote {
  /** Kebab-case, listed in docs/errors.md. */
  readonly code: string;
  readonly message: string;
}

export interface RecordLink {
  readonly connectionId: ConnectionId;
  readonly externalId: string | null;
  readonly syncedAt: string | null;
  readonly state: LinkState;
  /** Notes of the last write. */
  readonly notes: readonly RecordNote[];
}

/** Which side wins where both changed one field differently. `newest`: the later change. `review`: a person decides. */
export type MergePolicy = 'venue' | 'provider' | 'newest' | 'review';
