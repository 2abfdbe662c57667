import type { ProviderId } from './providers.ts';

/**
 * Task queues. Provider calls have a queue each, so that one provider's backlog never delays another's, and bulk work has one of its own:
 * however much of it is under way, an incremental run finds a free worker slot. What somebody waits for, such as a token, has one too:
 * runs hold their slots for minutes, and may themselves be waiting for that token.
 */
export const WORKFLOW_QUEUE = 'workflows';
export const INTERNAL_QUEUE = 'internal';
export const providerQueue = (provider: ProviderId, work: 'interactive' | 'incremental' | 'bulk'): string =>
  work === 'incremental' ? `provider-${provider}` : `provider-${provider}-${work}`;

/** `priorityKey` of work: 1 runs first. */
export const PRIORITY = { interactive: 1, webhook: 2, incremental: 3, bulk: 4, reprocessing: 5 } as const;

/**
 * Search attributes and their Temporal types. Plain text in every store and UI: never personal data.
 * Postgres visibility holds at most 10 Keyword and 3 Bool attributes in a namespace.
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
