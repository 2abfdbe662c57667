import type { ConnectionRef, WebhookEventId } from './ids.ts';
import type { ProviderId } from './providers.ts';

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

/** How an event came: sent by its provider, or read from the provider's list of events because it had never arrived. */
export const WEBHOOK_EVENT_ORIGINS = ['delivery', 'feed'] as const;
export type WebhookEventOrigin = (typeof WEBHOOK_EVENT_ORIGINS)[number];

/** The address of all of a provider's accounts, as an event keeps it; else it keeps the id of the connection whose own it was. */
export const APP_ENDPOINT = 'app';

/** States in which the drainer takes an event up by itself. */
export const OPEN_EVENT_STATES = ['waiting'] as const satisfies readonly WebhookEventState[];

/**
 * What an event did for a connection. `access-check`: the token manager was told to check the grant. The others tell
 * what became of a record; `skipped` has a reason.
 */
export const WEBHOOK_EFFECTS = ['access-check', 'created', 'updated', 'deleted', 'unchanged', 'skipped'] as const;
export type WebhookEffectKind = (typeof WEBHOOK_EFFECTS)[number];

/** Why a deletion by an event was not carried out: there are too many of them, so a run has to read them. */
export const MANY_DELETIONS = 'many-deletions';

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

// --- One failing event ---

/** Processes one event that failed in its batch. */
export const PROCESS_WEBHOOK = 'processWebhook';
export const processWebhookWorkflowId = (eventId: WebhookEventId): string => `webhook/${eventId}`;

export interface ProcessWebhookInput {
  readonly eventId: WebhookEventId;
  readonly provider: ProviderId;
}

export interface ProcessWebhookResult {
  /** The state in which the event is now. */
  readonly state: WebhookEventState;
}

// --- The sweep ---

export const SWEEP_INBOX = 'sweepInbox';
/** The id of the Schedule that starts the sweep. */
export const INBOX_SWEEP_SCHEDULE_ID = 'inbox-sweep';

export interface SweepInboxResult {
  readonly woken: readonly number[];
  /** How many failing events nobody processed. Absent in results of earlier versions. */
  readonly processed?: number;
}

/** The `internal` queue. */
export interface InboxActivities {
  /** Handles a partition's events until none has come for a few seconds, or for a few minutes. */
  readonly drainPartition: (input: DrainInboxInput) => Promise<DrainChunk>;
  /** Handles one failing event once more. Fails, with the type of the event's failure, until it is handled. */
  readonly processEvent: (input: ProcessWebhookInput) => Promise<ProcessWebhookResult>;
  /**
   * Wakes the drainer of each partition whose events are overdue, because its wake-up was lost, has events handled again
   * that connections missed while they could not be used, and processes failing events that nobody processes.
   */
  readonly wakeOverduePartitions: () => Promise<SweepInboxResult>;
}

// --- Events that never arrived ---

/** Compares the events of one connection with those that its provider lists, and stores what never arrived. */
export const REPAIR_GAPS = 'repairGaps';
export const repairGapsWorkflowId = ({ connectionId }: Pick<ConnectionRef, 'connectionId'>): string =>
  `repair-gaps/${connectionId}`;

export interface RepairGapsInput extends ConnectionRef {
  readonly provider: ProviderId;
}

export interface RepairGapsResult {
  /** Events that had never arrived. */
  readonly missed: number;
}

export interface ComparisonChunk {
  /** Events that had never arrived, of those that the call has compared. */
  readonly missed: number;
  /** The call stopped at its time limit: call again. */
  readonly more: boolean;
}

/** Runs in the lane `incremental`. */
export interface EventFeedActivities {
  /** Compares page by page, from where an earlier call stopped, for a few minutes at most. */
  readonly compareEvents: (input: RepairGapsInput) => Promise<ComparisonChunk>;
}

// --- The sweep over connections ---

export const SWEEP_CONNECTIONS = 'sweepConnections';
/** The id of the Schedule that starts the sweep over connections. */
export const CONNECTION_SWEEP_SCHEDULE_ID = 'connection-sweep';

export interface SweepConnectionsResult {
  /** How many runs were begun because events would have deleted many records. */
  readonly runs: number;
  /** How many connections have a comparison of their events under way. */
  readonly compared: number;
  /** Of how many stale syncs subscribers were told. Absent in results of earlier versions. */
  readonly stale?: number;
  /** How much open work had lost its workflow. Absent in results of earlier versions. */
  readonly settled?: number;
}

/** The `internal` queue. */
export interface ConnectionSweepActivities {
  /** Starts the comparison of the events of every connection whose last one is some time ago. */
  readonly startComparisons: () => Promise<{ readonly started: number }>;
  /** Starts a full run of every resource of which events would have deleted many records. */
  readonly startHeldDeletions: () => Promise<{ readonly started: number }>;
  /** Tells subscribers of scheduled syncs that have not ended well for long. */
  readonly announceStaleSyncs: () => Promise<{ readonly told: number }>;
  /** Ends what is open while no workflow works on it, and takes lost disconnections up again. */
  readonly settleSilentWork: () => Promise<{ readonly settled: number }>;
}
