import { z } from 'zod';
import { idIn, readItems, textAt } from '../../items.ts';
import type { PagePosition } from '../../provider.ts';

export const nullableText = z.string().nullable().default(null);
/** A decimal arrives as text; the SDK passes an object that serialises to it (stripe 23.1.0). */
export const decimalText = z
  .unknown()
  .transform((value) => (value == null ? null : String(value as string | number | { toString(): string })));
const FIRST_EPOCH_S = Date.parse('0001-01-01T00:00:00Z') / 1_000;
const LAST_EPOCH_S = Date.parse('9999-12-31T23:59:59Z') / 1_000;
/** A time of a year that both Postgres and ISO 8601 write with four digits. `Date` throws for what lies far beyond. */
export const epochSeconds = z.int().min(FIRST_EPOCH_S).max(LAST_EPOCH_S);

/** Without a schema, which would copy the metadata of every object. */
const isTextMap = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((one) => typeof one === 'string');
// The message is about the whole, because keys are the venue's data and stand in no message.
export const metadataOf = z
  .custom<Readonly<Record<string, string>>>(isTextMap, 'expected texts by their keys')
  .nullish()
  .transform((value) => value ?? {});

/** The id of an object that arrives as an id or, when expanded, whole. */
export const idOf = z.union([z.string().min(1), z.object({ id: z.string().min(1) }).transform(({ id }) => id)]);
export const nullableIdOf = idOf.nullish().transform((value) => value ?? null);

const text = z.string().nullish();
/**
 * The fields that we read of Stripe's Customer (https://docs.stripe.com/api/customers/object, read 2026-11-21). Unknown
 * fields are accepted. Texts are taken as they are told: to make null of an absent one here takes longer than all else
 * that is checked.
 */
export const customerSchema = z.object({
  id: z.string().min(1),
  object: z.literal('customer'),
  created: epochSeconds,
  name: text,
  email: text,
  phone: text,
  address: z.object({ line1: text, line2: text, city: text, state: text, postal_code: text, country: text }).nullish(),
  metadata: metadataOf,
});
export type StripeCustomer = z.output<typeof customerSchema>;

export const deletedSchema = <Name extends string>(object: Name) =>
  z.object({ id: z.string().min(1), object: z.literal(object), deleted: z.literal(true) });

/** For an answer that only has to say that the call was carried out. */
export const objectWithId = z.object({ id: z.string().min(1) });

/** An object that may be deleted, and then tells only its id. */
export const deletable = <Name extends string, Shape extends z.ZodRawShape>(object: Name, schema: z.ZodObject<Shape>) =>
  z.discriminatedUnion('deleted', [
    deletedSchema(object),
    schema.extend({ deleted: z.literal([false, undefined]).optional() }),
  ]);

/**
 * A list whose items are parsed one by one; the page fails only when its envelope is wrong. `idOf` names the record of
 * an unreadable item.
 */
export const listSchema = <Item extends z.ZodType>(item: Item, idOf: (raw: unknown) => string | null = idIn) =>
  z
    .object({ object: z.literal('list'), has_more: z.boolean(), data: z.array(z.unknown()) })
    .transform(({ has_more, data }, context) => {
      const ids = data.map(idIn);
      const lastId = ids.findLast((id) => id !== null) ?? null;
      if (data.length > 0 && lastId === null) context.addIssue('no item has an id');
      const { items, ...rest } = readItems(item, data, idOf);
      return { has_more, data: items, ...rest, lastId, positions: positionsOf(data, ids) };
    });

/** Without a schema: it is read of every item, and a schema takes longer for it than for all that is stored of one. */
const createdIn = (raw: unknown): number | undefined => {
  if (typeof raw !== 'object' || raw === null || !('created' in raw)) return undefined;
  return Number.isSafeInteger(raw.created) ? (raw.created as number) : undefined;
};

/** Includes unreadable items. An item without a creation time counts as created with its neighbour. */
function positionsOf(data: readonly unknown[], ids: readonly (string | null)[]): readonly PagePosition[] {
  const positions: PagePosition[] = [];
  let atEpochS = createdIn(data.find((raw) => createdIn(raw) !== undefined));
  data.forEach((raw, index) => {
    const id = ids[index] ?? null;
    atEpochS = createdIn(raw) ?? atEpochS;
    if (id !== null && atEpochS !== undefined) positions.push({ id, atEpochS });
  });
  return positions;
}

/** https://docs.stripe.com/api/search/pagination, read 2026-11-21. `total_count` is present only on request. */
export const searchSchema = z.object({
  object: z.literal('search_result'),
  total_count: z
    .int()
    .min(0)
    .nullish()
    .transform((value) => value ?? null),
});

/**
 * https://docs.stripe.com/api/events/object, read 2026-11-21. `data.object` is the object at that time, in the shape of
 * `api_version`.
 */
export const eventSchema = <Subject extends z.ZodType>(subject: Subject) =>
  z.object({
    id: z.string().min(1),
    type: z.string().min(1),
    created: epochSeconds,
    api_version: nullableText,
    data: z.object({ object: subject }),
  });

/** The id of the object that an unreadable event is about. */
export const subjectIdIn = (event: unknown): string | null => textAt(event, 'data', 'object', 'id');

export const accountSchema = z.object({
  id: z.string().min(1),
  object: z.literal('account'),
  business_profile: z.object({ name: nullableText }).nullish(),
  settings: z.object({ dashboard: z.object({ display_name: nullableText }).nullish() }).nullish(),
});
