// Workflow histories store every name and shape in this file: add fields, never rename or reuse one.

/** States of a received event. */
export const WEBHOOK_EVENT_STATES = [
  'waiting',
  'waiting-for-adapter',
  'applied',
  'ignored',
  'retrying',
  'dead',
] as const;
export type WebhookEventState = (typeof WEBHOOK_EVENT_STATES)[number];

/** States in which the drainer takes an event up by itself. */
export const OPEN_EVENT_STATES = ['waiting', 'retrying'] as const satisfies readonly WebhookEventState[];

/**
 * What an event did for a connection. `access-check`: the token manager was told to check the grant. The others tell
 * what became of a record; `skipped` has a reason.
 */
export const WEBHOOK_EFFECTS = ['access-check', 'created', 'updated', 'deleted', 'unchanged', 'skipped'] as const;
export type WebhookEffectKind = (typeof WEBHOOK_EFFECTS)[number];

/**
 * The inbox is drained in this many partitions, each by one workflow. The migration makes a row for each. Events of one
 * account are always in the same partition.
 */
export const INBOX_PARTITIONS = 4;

export const DRAIN_INBOX = 'drainInbox';
export const drainInboxWorkflowId = (partition: number): string => `inbox/${partition}`;

/** Signal: the partition has events and nobody drains it. Sent once per change from idle to busy, never per event. */
export const WAKE_INBOX_SIGNAL = 'wakeInbox';

export interface DrainInboxInput {
  readonly partition: number;
  /** Set by continue-as-new: how many events the workflow has handled so far. */
  readonly handled?: number;
}

export interface DrainInboxResult {
  readonly handled: number;
}

export interface DrainChunk {
  /** How many times an event was taken up. */
  readonly handled: number;
  /** The activity stopped at its time limit, with the partition still awake. */
  readonly more: boolean;
  /** When the next failed event is due again; null when none waits for another attempt. */
  readonly dueInMs: number | null;
}

// --- The sweep ---

export const SWEEP_INBOX = 'sweepInbox';
/** The id of the Schedule that starts the sweep. */
export const INBOX_SWEEP_SCHEDULE_ID = 'inbox-sweep';

export interface SweepInboxResult {
  readonly woken: readonly number[];
}

/** The `internal` queue. */
export interface InboxActivities {
  /** Handles a partition's events until none has come for a few seconds, or for a few minutes. */
  readonly drainPartition: (input: DrainInboxInput) => Promise<DrainChunk>;
  /** Wakes the drainer of each partition whose events are overdue: its wake-up was lost. */
  readonly wakeOverduePartitions: () => Promise<SweepInboxResult>;
}
