import type { VenueId } from './ids.ts';

// Workflow histories store every name and shape in this file: add fields, never rename or reuse one.

export const CLOSE_VENUE = 'closeVenue';

/** A venue is closed once: whoever asks again finds the workflow that is at work. */
export const closeVenueWorkflowId = (venueId: VenueId): string => `close-venue/${venueId}`;

/** Query. How far the closing has come. */
export const CLOSING_PROGRESS_QUERY = 'closingProgress';

/** How long disconnections may take before credentials are deleted without the provider. */
export const SHRED_AFTER_MS = 10 * 60_000;

/** Where an erasure goes on: a table of the venue, and the last key of it that is done. */
export interface ErasureCursor {
  readonly table: string;
  readonly after: string | null;
}

/** Numbers only. */
export interface ClosingCounts {
  /** Connections that were disconnected. */
  readonly disconnected: number;
  /** Connections whose credentials were deleted although the provider had not answered. */
  readonly shredded: number;
  /** Erased rows. Excludes what a lost attempt erased after its last heartbeat. */
  readonly erased: number;
}

/** The answer to the query. `waiting`: a step fails, and is tried again by itself. */
export interface ClosingProgress extends ClosingCounts {
  readonly step: 'disconnecting' | 'telling-subscribers' | 'stopping-work' | 'erasing' | 'closed';
  readonly waiting: boolean;
  /** The table whose rows are being erased. */
  readonly table: string | null;
}

export interface CloseVenueInput {
  readonly venueId: VenueId;
  /** `sub` of the caller. */
  readonly requestedBy: string;
  readonly requestId: string | null;
  readonly shredAfterMs: number;
  /** Set by continue-as-new. */
  readonly continued?: ClosingCounts & { readonly cursor: ErasureCursor | null };
}

export type ClosingRef = Pick<CloseVenueInput, 'venueId' | 'requestedBy'>;

export interface DisconnectedConnections {
  /** Connections that are not disconnected yet. */
  readonly left: number;
  readonly shredded: number;
}

export interface ErasedRows {
  /** Where the next call goes on; null when no table is left. */
  readonly cursor: ErasureCursor | null;
  readonly erased: number;
}

/** The `internal` queue. Each may be repeated. */
export interface VenueClosingActivities {
  /** Marks the venue as closing. Returns how many connections it has to disconnect; null when there is no such venue. */
  readonly beginClosing: (input: ClosingRef & Pick<CloseVenueInput, 'requestId'>) => Promise<number | null>;
  /**
   * Withdraws attempts to connect, and asks the token manager of each connection to disconnect it; with `shred`, deletes
   * the credentials itself.
   */
  readonly disconnectVenue: (input: ClosingRef & { readonly shred: boolean }) => Promise<DisconnectedConnections>;
  /** Messages that no subscriber has been sent yet. */
  readonly countUnsent: (input: Pick<CloseVenueInput, 'venueId'>) => Promise<number>;
  /** Cancels, or terminates, the venue's other workflows. Returns how many were running. */
  readonly stopVenueWork: (
    input: Pick<CloseVenueInput, 'venueId'> & { readonly terminate: boolean },
  ) => Promise<number>;
  /** Erases rows for a while. */
  readonly eraseVenueRows: (
    input: Pick<CloseVenueInput, 'venueId'> & { readonly cursor: ErasureCursor | null },
  ) => Promise<ErasedRows>;
  /** Deletes the venue. False when something of it was added meanwhile. */
  readonly finishClosing: (input: ClosingRef & ClosingCounts) => Promise<boolean>;
}
