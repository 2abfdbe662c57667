import { ProviderError } from '../../provider-error.ts';
import type { RemoteHint, RemoteSearch } from '../../provider.ts';

/**
 * Square's searches show what is new "in well under 30 seconds", at times after a minute or more
 * (https://developer.squareup.com/reference/square/customers-api/search-customers, read 2026-11-28).
 */
const LAG_MS = 120_000;

/** What a search has found. Throws while a record that is not found may have been written too lately for the search to show it. */
export function whenSettled({ sentAtMs }: RemoteHint, search: RemoteSearch): RemoteSearch {
  const waitMs = sentAtMs === undefined ? 0 : sentAtMs + LAG_MS - Date.now();
  if (search.found !== null || search.after !== null || waitMs <= 0) return search;
  throw new ProviderError({ provider: 'square', kind: 'unavailable', code: 'search-lags', retryAfterMs: waitMs });
}
