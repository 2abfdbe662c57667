import { z } from 'zod';
import { nullableText, readItems } from '../../items.ts';
import type { Ask } from '../http/ask.ts';
import { orNull } from '../http/lists.ts';
import { moneySchema } from '../http/money.ts';

/**
 * https://developer.squareup.com/reference/square/objects/Order, read 2026-11-28. Only the fields that are used here.
 */
const orderSchema = z.object({
  id: z.string().min(1),
  total_money: orNull(moneySchema),
  total_tax_money: orNull(moneySchema),
  line_items: orNull(
    z.array(
      z.object({
        name: nullableText,
        variation_name: nullableText,
        // The variation, which is what a product is here.
        catalog_object_id: nullableText,
        quantity: z.string().regex(/^\d{1,18}(\.\d{1,9})?$/, 'expected a decimal number'),
        base_price_money: orNull(moneySchema),
        total_tax_money: orNull(moneySchema),
        total_money: moneySchema,
      }),
    ),
  ),
  tenders: orNull(z.array(z.object({ id: nullableText, payment_id: nullableText, created_at: nullableText }))),
});
export type SquareOrder = z.output<typeof orderSchema>;
export type SquareOrderLine = NonNullable<SquareOrder['line_items']>[number];

const ordersAnswer = z.object({ orders: z.array(z.unknown()).nullish() });

/** The orders of a page: readable ones, and the issues of the others, by id. */
export interface ReadOrders {
  readonly orders: ReadonlyMap<string, SquareOrder>;
  readonly unreadable: ReadonlyMap<string, string>;
}

/**
 * One call, which takes 100 orders (https://developer.squareup.com/reference/square/orders-api/batch-retrieve-orders,
 * read 2026-11-28); none for an empty list.
 */
export async function readOrders(ask: Ask, named: readonly (string | null)[]): Promise<ReadOrders> {
  const ids = [...new Set(named.flatMap((id) => id ?? []))];
  if (ids.length === 0) return { orders: new Map(), unreadable: new Map() };
  const body = { order_ids: ids };
  const answer = await ask(ordersAnswer, { method: 'POST', path: '/v2/orders/batch-retrieve', body });
  const { items, unreadable } = readItems(orderSchema, answer.orders ?? []);
  return {
    orders: new Map(items.map((order) => [order.id, order])),
    unreadable: new Map(unreadable.map(({ externalId, issues }) => [externalId ?? '', issues])),
  };
}

/** Separates objects with readable orders from those whose order cannot be read. */
export function splitByOrder<Item extends { readonly id: string; readonly order_id: string | null }>(
  items: readonly Item[],
  { unreadable }: ReadOrders,
) {
  const issuesOf = ({ order_id: id }: Item) => (id === null ? undefined : unreadable.get(id));
  return {
    told: items.filter((item) => issuesOf(item) === undefined),
    broken: items.flatMap((item) => {
      const issues = issuesOf(item);
      return issues === undefined ? [] : [{ raw: item, externalId: item.id, issues: `order: ${issues}` }];
    }),
  };
}

/** The order's own text for what was sold. */
export const describeLine = ({ name, variation_name: variation }: SquareOrderLine): string | null =>
  [name, variation].filter((part) => part !== null).join(', ') || null;
