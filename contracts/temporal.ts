/** Task queue of every workflow. */
export const WORKFLOW_QUEUE = 'workflows';
/** Task queue of short activities on our own database. */
export const INTERNAL_QUEUE = 'internal';
/** Task queue of calls to venues' own receivers, whose slowness no other work may feel. */
export const OUTGOING_QUEUE = 'outgoing-webhooks';

/**
 * Classes of work at providers, each with its own task queue and worker slots. All providers share a lane's queue;
 * inside the worker each provider has a share of the slots. Bulk runs leave slots for incremental runs, and neither
 * delays a person who waits for a token.
 */
export const LANES = ['interactive', 'incremental', 'bulk'] as const;
export type Lane = (typeof LANES)[number];
export const laneQueue = (lane: Lane): string => `lane-${lane}`;

/**
 * Queues on which workflows scheduled activities before lanes existed, with the lane that now does their work. A worker
 * still serves those that hold work (`worker/replaced-queues.ts`). Never add to this list.
 */
export const REPLACED_QUEUES: Readonly<Record<string, Lane>> = {
  'provider-stripe': 'incremental',
  'provider-stripe-bulk': 'bulk',
  'provider-stripe-interactive': 'interactive',
  'provider-square-interactive': 'interactive',
  'provider-quickbooks-interactive': 'interactive',
  'provider-mailchimp-interactive': 'interactive',
};

/** `priorityKey` of work: 1 runs first. */
export const PRIORITY = { interactive: 1, webhook: 2, incremental: 3, bulk: 4, reprocessing: 5 } as const;

/**
 * Search attributes and their Temporal types. Plain text in every store and UI: never personal data.
 * Postgres visibility supports at most 10 Keyword and 3 Bool attributes per namespace.
 */
export const SEARCH_ATTRIBUTES = {
  VenueId: 'Keyword',
  Provider: 'Keyword',
  ConnectionId: 'Keyword',
  Resource: 'Keyword',
  Direction: 'Keyword',
  Phase: 'Keyword',
  ErrorType: 'Keyword',
  NeedsAttention: 'Bool',
} as const;
