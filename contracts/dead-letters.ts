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

/** One failure of an entry. */
export interface DeadLetterFailure {
  /** ISO 8601. */
  readonly at: string;
  readonly code: string;
  /** The run in which a record failed. */
  readonly syncId?: string | null;
}
