import { z } from 'zod';
import { unreadableObject } from '../errors.ts';
import { PAGE_SIZE, RECORD_ID_KEY } from '../customers/names.ts';
import { unreadableRejection } from '../../items.ts';
import type { UnreadableItem } from '../../items.ts';
import type { ListQuery, PagePosition, ProviderPage, ProviderRecord, RemoteHint } from '../../provider.ts';

/**
 * Stripe's objects carry no version. What orders readings is when they were taken, by Stripe's clock: a listing counts as just before the
 * second in which it was asked for, so that an event of that second, which may tell of a later change, still counts as newer.
 */
export const versionOfReading = (askedAtMs: number) => Math.floor(askedAtMs / 1_000) * 1_000 - 1;
export const versionOfEvent = (createdS: number) => createdS * 1_000;

/** A deletion with the second in which its event says that it was made. */
export const dated = (record: ProviderRecord, createdS: number): ProviderRecord =>
  record.deleted ? { ...record, deletedAtMs: createdS * 1_000 } : record;

export const createdWithin = ({ fromEpochS, toEpochS }: Pick<ListQuery, 'fromEpochS' | 'toEpochS'>) => ({
  lt: toEpochS,
  ...(fromEpochS !== null && { gte: fromEpochS }),
});
export const startingAfter = (after: string | null) => (after === null ? {} : { starting_after: after });

export interface Listed {
  readonly has_more: boolean;
  /** Of the last object of the page. */
  readonly lastId: string | null;
  readonly positions: readonly PagePosition[];
  readonly unreadable: readonly UnreadableItem[];
}

export const nextAfter = (page: Pick<Listed, 'has_more' | 'lastId'>) => (page.has_more ? page.lastId : null);

export function toPage(page: Listed, records: readonly ProviderRecord[]): ProviderPage {
  return {
    records,
    rejections: page.unreadable.map(unreadableRejection),
    after: nextAfter(page),
    pageSize: PAGE_SIZE,
    positions: page.positions,
  };
}

/** For a list whose items are parts of one object: that cannot be read where one of them cannot. */
export function wholePage<Page extends Pick<Listed, 'unreadable'>>(page: Page): Page {
  const [first] = page.unreadable;
  if (first) throw unreadableObject(undefined, first.issues);
  return page;
}

/** Without metadata where it is deleted. */
interface Carrying {
  readonly id: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The object of a page that carries our record's id. Throws where one that cannot be read may be it: nothing else says whether there is a remote record. */
export function remoteAmong<Item extends Carrying>(
  page: Pick<Listed, 'unreadable'> & { readonly data: readonly Item[] },
  { recordId, excluded = [] }: RemoteHint,
): Item | null {
  const found = page.data.find(({ id, metadata }) => metadata?.[RECORD_ID_KEY] === recordId && !excluded.includes(id));
  const doubtful = page.unreadable.find(
    ({ raw, externalId }) => mayCarry(raw, recordId) && !excluded.includes(externalId ?? ''),
  );
  if (!found && doubtful) throw unreadableObject(undefined, doubtful.issues);
  return found ?? null;
}

const mayCarry = (raw: unknown, recordId: string) => {
  const { success, data } = z.object({ metadata: z.record(z.string(), z.unknown()) }).safeParse(raw);
  return !success || data.metadata[RECORD_ID_KEY] === recordId;
};

/** A search counts exactly up to 10,000 (https://docs.stripe.com/search, read 2026-11-21): beyond that its figure says nothing. */
const SEARCH_COUNTS_UP_TO = 10_000;

export function countOf({ total_count: count }: { readonly total_count: number | null }): number | null {
  return count === null || count >= SEARCH_COUNTS_UP_TO ? null : count;
}
