import { z } from 'zod';
import { unreadableObject } from '../errors.ts';
import { PAGE_SIZE, RECORD_ID_KEY } from '../customers/names.ts';
import { unreadableRejection } from '../../items.ts';
import type { UnreadableItem } from '../../items.ts';
import { changeFeed, timeWindows } from '../../../domain/sync/pull/pull-plan.ts';
import type { Stream } from '../../../domain/sync/pull/pull-plan.ts';
import type { Cursor, ListQuery, PagePosition, ProviderPage, ProviderRecord, RemoteHint } from '../../provider.ts';

/**
 * Stripe's objects carry no version, so readings are ordered by when they were taken, by Stripe's clock. A listing
 * counts as just before the second of its request, so that an event of that second, which may tell of a later change,
 * counts as newer.
 */
export const versionOfReading = (askedAtMs: number) => Math.floor(askedAtMs / 1_000) * 1_000 - 1;
export const versionOfEvent = (createdS: number) => createdS * 1_000;

/** A deletion, dated by the second of its event. */
export const dated = (record: ProviderRecord, createdS: number): ProviderRecord =>
  record.deleted ? { ...record, deletedAtMs: createdS * 1_000 } : { ...record, changedAtMs: createdS * 1_000 };

export const createdWithin = ({ fromEpochS, toEpochS }: Pick<ListQuery, 'fromEpochS' | 'toEpochS'>) => ({
  lt: toEpochS,
  ...(fromEpochS !== null && { gte: fromEpochS }),
});
/** Stripe's cursor is the id of the last object. */
export const startingAfter = (after: Cursor | null) => (typeof after === 'string' ? { starting_after: after } : {});

/** The object that a cursor names may be deleted meanwhile (seen as 400 `resource_missing`). */
export const isCursorGone: Stream['isCursorGone'] = ({ httpStatus, code, field }) =>
  httpStatus === 400 && code === 'resource_missing' && field === 'starting_after';

/** One of Stripe's lists: newest first and filtered by creation. */
export const stripeList = (name: string) => timeWindows(name, { isCursorGone });

/** Events reach back 30 days (https://docs.stripe.com/api/events, read 2026-11-21); one day is left for a slow run. */
export const EVENTS_REACH_S = 29 * 86_400;

/**
 * The change feed. A reading counts as up to two seconds older than it is, because a listing may not repeat what an event of
 * that time told.
 */
export const stripeChanges = (streams: readonly (readonly string[])[], lookBackS?: Readonly<Record<string, number>>) =>
  changeFeed(
    streams.map((stage) => stage.map(stripeList)),
    { reachS: EVENTS_REACH_S, overlapS: 900, handOffOverlapS: 5, ...(lookBackS && { lookBackS }) },
  );

export interface Listed {
  readonly has_more: boolean;
  /** The id of the last object of the page. */
  readonly lastId: string | null;
  readonly positions: readonly PagePosition[];
  readonly unreadable: readonly UnreadableItem[];
  readonly newFields?: ProviderPage['newFields'];
}

export const nextAfter = (page: Pick<Listed, 'has_more' | 'lastId'>) => (page.has_more ? page.lastId : null);

export function toPage(page: Listed, records: readonly ProviderRecord[]): ProviderPage {
  return {
    records,
    rejections: page.unreadable.map(unreadableRejection),
    ...(page.newFields && { newFields: page.newFields }),
    after: nextAfter(page),
    pageSize: PAGE_SIZE,
    positions: page.positions,
  };
}

/** For a list whose items are parts of one object, which is unreadable when one of them is. */
export function wholePage<Page extends Pick<Listed, 'unreadable'>>(page: Page): Page {
  const [first] = page.unreadable;
  if (first) throw unreadableObject(undefined, first.issues);
  return page;
}

/** Without metadata when it is deleted. */
interface Carrying {
  readonly id: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The object of a page that carries our record's id. Throws when an unreadable object may be it, because nothing else
 * tells whether a remote record exists.
 */
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

const carrying = z.object({ metadata: z.record(z.string(), z.unknown()) });
const mayCarry = (raw: unknown, recordId: string) => {
  const { success, data } = carrying.safeParse(raw);
  return !success || data.metadata[RECORD_ID_KEY] === recordId;
};

/** A search's count is exact up to 10,000 (https://docs.stripe.com/search, read 2026-11-21) and meaningless beyond. */
const SEARCH_COUNTS_UP_TO = 10_000;

export function countOf({ total_count: count }: { readonly total_count: number | null }): number | null {
  return count === null || count >= SEARCH_COUNTS_UP_TO ? null : count;
}
