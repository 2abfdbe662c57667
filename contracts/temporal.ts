import type { ProviderId } from './providers.ts';

/**
 * Task queues. Each provider has its own queues, so that one provider's backlog never delays another's. Bulk work has a
 * queue of its own, so that an incremental run always finds a free worker slot. So has work that somebody waits for,
 * such as a token: runs hold their slots for minutes and may themselves be waiting for that token.
 */
export const WORKFLOW_QUEUE = 'workflows';
export const INTERNAL_QUEUE = 'internal';
export const providerQueue = (provider: ProviderId, work: 'interactive' | 'incremental' | 'bulk'): string =>
  work === 'incremental' ? `provider-${provider}` : `provider-${provider}-${work}`;

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
