import type { ProviderPage, ResourceSession } from '../../providers/provider.ts';

export const allTime = { fromEpochS: null, toEpochS: Math.floor(Date.now() / 1_000) + 86_400, after: null };

export interface ListQuery {
  readonly stream: string;
  readonly fromEpochS?: number;
}

/** All pages of one list, from the start. Ends after `maxPages`, so that a list without an end fails its test. */
export async function readPages(session: ResourceSession, query: ListQuery, maxPages: number) {
  const pages: ProviderPage[] = [];
  let after: ProviderPage['after'] = null;
  do {
    const page: ProviderPage = await session.listPage({ ...allTime, ...query, after });
    pages.push(page);
    after = page.after;
  } while (after !== null && pages.length < maxPages);
  return pages;
}

export const recordsOf = (pages: readonly ProviderPage[]) => pages.flatMap(({ records }) => records);
