import type { VenueId } from './ids.ts';
import type { SyncKey } from './sync.ts';

// Workflow histories store every name and shape in this file: add fields, never rename or reuse one.

/**
 * What failed. `record`: a sync could not store or write a record. `event`: a provider's event could not be applied.
 * `delivery`: one of our own outgoing webhooks could not be delivered.
 */
export const DEAD_LETTER_SOURCES = ['record', 'event', 'delivery'] as const;
export type DeadLetterSource = (typeof DEAD_LETTER_SOURCES)[number];

/**
 * `open`: it waits for somebody. `retrying`: a retry was asked for and has not ended. `resolved`: it succeeded later, or
 * there is nothing left to do. `discarded`: somebody gave it up.
 */
export const DEAD_LETTER_STATES = ['open', 'retrying', 'resolved', 'discarded'] as const;
export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number];

/** States in which somebody still has to act or a retry is under way. */
export const UNSETTLED_DEAD_LETTER_STATES = ['open', 'retrying'] as const satisfies readonly DeadLetterState[];
export type UnsettledDeadLetterState = (typeof UNSETTLED_DEAD_LETTER_STATES)[number];

/** One failure of an entry. */
export interface DeadLetterFailure {
  /** ISO 8601. */
  readonly at: string;
  readonly code: string;
  /** The run in which a record failed. */
  readonly syncId?: string | null;
}

// --- Retries ---

export const RETRY_DEAD_LETTERS = 'retryDeadLetters';
/** One workflow retries everything that a venue has asked for. */
export const retryDeadLettersWorkflowId = (venueId: VenueId): string => `retry-dead-letters/${venueId}`;

/** Signal: more entries of the venue are to be retried. */
export const RETRY_MORE_SIGNAL = 'retryMore';

export interface RetryDeadLettersInput {
  readonly venueId: VenueId;
}

/** The entries of one sync that are to be retried. They are retried together, by a run that covers nothing else. */
export interface RetryGroup extends SyncKey {
  readonly providerName: string;
}

export interface RetryPlan {
  readonly groups: readonly RetryGroup[];
  /** Entries asked for later than this belong to the next plan. ISO 8601. */
  readonly asOf: string;
}

export interface EndRetryInput extends RetryGroup {
  readonly asOf: string;
  /** The run came to its end: what it has not touched has nothing left to do. Otherwise it is open again. */
  readonly completed: boolean;
}

/** The `internal` queue. */
export interface DeadLetterActivities {
  /** Has events handled again, and returns the syncs whose records are to be retried. */
  readonly planRetries: (input: RetryDeadLettersInput) => Promise<RetryPlan>;
  readonly endRetry: (input: EndRetryInput) => Promise<void>;
  /** Opens entries whose retry has been cancelled. */
  readonly cancelRetries: (input: RetryDeadLettersInput) => Promise<void>;
  /** Retries entries whose cause has cleared, and wakes the retries of venues whose start was lost. */
  readonly sweepDeadLetters: () => Promise<SweepDeadLettersResult>;
}

// --- The sweep ---

export const SWEEP_DEAD_LETTERS = 'sweepDeadLetters';
/** The id of the Schedule that starts the sweep. */
export const DEAD_LETTER_SWEEP_SCHEDULE_ID = 'dead-letter-sweep';

export interface SweepDeadLettersResult {
  /** How many entries are retried because their cause has cleared. */
  readonly cleared: number;
  /** How many venues have retries under way. */
  readonly venues: number;
}
