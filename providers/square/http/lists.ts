import { z } from 'zod';
import { pageCursor } from '../../../domain/sync/pull/pull-plan.ts';
import type { AfterExpiry, PageCursor } from '../../../domain/sync/pull/pull-plan.ts';
import { idIn, readItems, textAt, unreadableRejection } from '../../items.ts';
import type { ReadItems } from '../../items.ts';
import type { Cursor, ListQuery, PagePosition, ProviderPage, ProviderRecord } from '../../provider.ts';

/**
 * One of Square's lists. Its cursor expires after about five minutes and fits only the query that made it
 * (https://developer.squareup.com/docs/build-basics/common-api-patterns/pagination, read 2026-11-28; posthog/posthog
 * pull request 64704).
 */
export const squareList = (name: string, afterExpiry: AfterExpiry): PageCursor =>
  pageCursor(name, {
    afterExpiry,
    isCursorGone: ({ httpStatus, code, field }) =>
      httpStatus === 400 && (code === 'INVALID_CURSOR' || field === 'cursor'),
  });

/**
 * Changes of customers and of the catalogue appear in searches "in well under 30 seconds", sometimes after a minute or
 * more (https://developer.squareup.com/reference/square/customers-api/search-customers, read 2026-11-28). Versions
 * identify readings, so reading some again only costs calls.
 */
export const CHANGES = { reachS: null, overlapS: 900, handOffOverlapS: 900 } as const;

export const isoOf = (epochS: number): string => new Date(epochS * 1_000).toISOString();

/** The cursor as a parameter; empty for the first page. */
export const cursorOf = ({ after }: Pick<ListQuery, 'after'>) => (typeof after === 'string' ? { cursor: after } : {});

export interface SquareList<Item> extends ReadItems<Item> {
  readonly after: Cursor | null;
  readonly positions: readonly PagePosition[];
}

/** A page of raw objects, each parsed on its own. */
export const listed = <Item extends z.ZodType>(
  item: Item,
  raw: readonly unknown[],
  cursor: string | null | undefined,
): SquareList<z.output<Item>> => ({
  ...readItems(item, raw),
  after: cursor || null,
  positions: raw.flatMap(positionBy('created_at')),
});

/**
 * A page under its list's name, which is missing when the list is empty. Its positions have the time that the list is
 * ordered by.
 */
export const listSchema = <Item extends z.ZodType>(name: string, item: Item, orderedBy: OrderedBy = 'created_at') =>
  z
    .object({ cursor: z.string().nullish() })
    .and(z.object({ [name]: z.array(z.unknown()).nullish() }))
    .transform((page): SquareList<z.output<Item>> => {
      const raw = (page as Readonly<Record<string, unknown>>)[name] as readonly unknown[] | null | undefined;
      return { ...listed(item, raw ?? [], page.cursor), positions: (raw ?? []).flatMap(positionBy(orderedBy)) };
    });

type OrderedBy = 'created_at' | 'updated_at';

const positionBy =
  (orderedBy: OrderedBy) =>
  (raw: unknown): readonly PagePosition[] => {
    const id = idIn(raw);
    const atMs = Date.parse(textAt(raw, orderedBy) ?? '');
    return id === null ? [] : [{ id, atEpochS: Number.isNaN(atMs) ? null : Math.floor(atMs / 1_000) }];
  };

export const toPage = <Item>(
  { unreadable, newFields, after, positions }: SquareList<Item>,
  records: readonly ProviderRecord[],
  pageSize: number,
): ProviderPage => ({
  ...{ records, rejections: unreadable.map(unreadableRejection), after, pageSize, positions },
  ...(newFields && { newFields }),
});

/** Null when it is missing. */
export const orNull = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => (value ?? null) as z.output<Schema> | null);

/**
 * An object's version. An object without one counts as the oldest. `z.int()` rejects numbers that JavaScript cannot
 * hold exactly.
 */
export const versionNumber = z
  .int()
  .min(0)
  .nullish()
  .transform((value) => value ?? 0);

/** The time of an object's last change; nothing where it cannot be read. */
export function changedAt(...times: readonly (string | null)[]): { readonly changedAtMs?: number } {
  const known = times.map((time) => Date.parse(time ?? '')).filter((time) => !Number.isNaN(time));
  return known.length === 0 ? {} : { changedAtMs: Math.max(...known) };
}

/** Square holds no metadata of ours: what a pull tells are facts of Square's, under keys that begin so. */
export const SQUARE_METADATA = { prefix: 'square_' } as const;

/** Metadata without the values that Square omits. */
export const withoutEmpty = (values: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (value ? [[key, value] as const] : [])));
