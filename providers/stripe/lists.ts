import { PAGE_SIZE } from './names.ts';
import type { ListQuery, ProviderPage, ProviderRecord } from '../provider.ts';

/**
 * Stripe's objects carry no version. What orders readings is when they were taken, by Stripe's clock: a listing counts as just before the
 * second in which it was asked for, so that an event of that second, which may tell of a later change, still counts as newer.
 */
export const versionOfReading = (askedAtMs: number) => Math.floor(askedAtMs / 1_000) * 1_000 - 1;
export const versionOfEvent = (createdS: number) => createdS * 1_000;

export const createdWithin = ({ fromEpochS, toEpochS }: Pick<ListQuery, 'fromEpochS' | 'toEpochS'>) => ({ lt: toEpochS, ...(fromEpochS !== null && { gte: fromEpochS }) });
export const startingAfter = (after: string | null) => (after === null ? {} : { starting_after: after });

interface Listed {
  readonly has_more: boolean;
  readonly data: readonly { readonly id: string; readonly created: number }[];
}

export const nextAfter = (page: { readonly has_more: boolean; readonly data: readonly { readonly id: string }[] }) => (page.has_more ? (page.data.at(-1)?.id ?? null) : null);

export function toPage(page: Listed, records: readonly ProviderRecord[]): ProviderPage {
  return { records, after: nextAfter(page), pageSize: PAGE_SIZE, positions: page.data.map(({ id, created }) => ({ id, createdEpochS: created })) };
}

/** A search counts exactly up to 10,000 (https://docs.stripe.com/search, read 2026-11-21): beyond that its figure says nothing. */
const SEARCH_COUNTS_UP_TO = 10_000;

export function countOf({ total_count: count }: { readonly total_count: number | null }): number | null {
  return count === null || count >= SEARCH_COUNTS_UP_TO ? null : count;
}
