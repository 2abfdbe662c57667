import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { PageFault } from '../../core/faults.ts';
import { invalidRequest } from '../errors.ts';
import type { SquareRequest } from './endpoint.ts';

/** https://developer.squareup.com/docs/build-basics/common-api-patterns/pagination (2026-11). */
const CURSOR_LIFE_MS = 5 * 60_000;

/** Where an item stands in its list: what the list is sorted by, then the id. */
export type Place = readonly [by: string, id: string];

interface Listing<Item> {
  readonly items: readonly Item[];
  readonly placeOf: (item: Item) => Place;
  readonly order: 'ASC' | 'DESC';
  readonly limit: number;
  /** All parameters of the request. A cursor fits only a request with the same others. */
  readonly parameters: { readonly cursor?: string | undefined };
}

export interface ListedPage<Item> {
  readonly items: readonly Item[];
  readonly cursor?: string;
}

const cursorSchema = z.object({
  query: z.string(),
  after: z.tuple([z.string(), z.string()]).readonly(),
  endsAtMs: z.number(),
});

/** One page of a list. Throws a `Refusal` for a cursor that is too old or of another query. */
export function pageOf<Item>(
  { visit, nowMs }: SquareRequest,
  { items, placeOf, order, limit, parameters }: Listing<Item>,
): ListedPage<Item> {
  const query = digestOf(visit.path, parameters);
  const sorted = items.map((item) => ({ item, place: placeOf(item) }));
  const sign = order === 'ASC' ? 1 : -1;
  sorted.sort((one, other) => sign * compare(one.place, other.place));
  const after = parameters.cursor === undefined ? null : placeIn(parameters.cursor, query, nowMs);
  const isBehind = (place: Place) => after === null || sign * compare(place, after) > 0;
  const found = sorted.findIndex(({ place }) => isBehind(place));
  const first = found === -1 ? sorted.length : found;
  const { from, to } = rangeOf(first, limit, visit.pageFault);
  const page = sorted.slice(from, to);
  const last = page.at(-1);
  return {
    items: page.map(({ item }) => item),
    ...(last &&
      to < sorted.length && { cursor: cursorOf({ query, after: last.place, endsAtMs: nowMs + CURSOR_LIFE_MS }) }),
  };
}

/** The requested page, or another one where a fault asks for it. */
function rangeOf(
  first: number,
  limit: number,
  fault: PageFault | null,
): { readonly from: number; readonly to: number } {
  if (fault === 'page-repeat') return { from: Math.max(0, first - limit), to: first };
  if (fault === 'page-skip') return { from: first + limit, to: first + 2 * limit };
  return { from: first, to: first + (fault === 'page-shrink' ? Math.ceil(limit / 2) : limit) };
}

const compare = ([by, id]: Place, [otherBy, otherId]: Place): number =>
  by === otherBy ? compareText(id, otherId) : compareText(by, otherBy);

const compareText = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

function digestOf(path: string, { cursor: _cursor, ...others }: Listing<unknown>['parameters']): string {
  const text = JSON.stringify([path, others]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

const cursorOf = (cursor: z.output<typeof cursorSchema>): string =>
  Buffer.from(JSON.stringify(cursor)).toString('base64url');

function placeIn(cursor: string, query: string, nowMs: number): Place {
  const known = cursorSchema.safeParse(parsed(Buffer.from(cursor, 'base64url').toString())).data;
  if (known?.query !== query || known.endsAtMs <= nowMs)
    throw invalidRequest('INVALID_CURSOR', 'The pagination cursor included in the request is invalid.', 'cursor');
  return known.after;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
