import { expect } from 'vitest';
import type { StripeAccount, StripeCustomerState } from '../support/sandbox/stripe-account.ts';
import { aCustomer } from '../support/worlds/sync-world.ts';

/** Records of a venue that pushes: how its backend loads them, and what the provider must hold. */
export interface VenueSide {
  /** The record's content at a revision; each revision differs from the one before. */
  record(index: number, revision: number): { readonly sourceId: string };
  /** Throws unless the provider holds each record exactly once, with the venue's content, and nothing else. */
  expectHeldOnce(account: StripeAccount, records: ReadonlyMap<number, number>): Promise<void>;
}

const customers = {
  record: (index: number, revision: number) => aCustomer(index, `Customer ${index}, revision ${revision}`),

  async expectHeldOnce(account: StripeAccount, records: ReadonlyMap<number, number>) {
    const held = (await account.customers()).map(({ name, email, metadata }: StripeCustomerState) => ({
      sourceId: metadata['interlock_source_id'],
      name,
      email,
      tier: metadata['tier'],
    }));
    const wanted = [...records].map(([index, revision]) => {
      const { sourceId, name, email, metadata } = customers.record(index, revision);
      return { sourceId, name, email, tier: metadata.tier };
    });
    expectSame(held, wanted);
  },
};

interface StripeProductState {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  readonly default_price: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

interface StripePriceState {
  readonly id: string;
  readonly product: string;
  readonly active: boolean;
  readonly unit_amount: number;
  readonly currency: string;
}

const products = {
  record: (index: number, revision: number) => ({
    sourceId: `p-${index}`,
    name: `Product ${index}, revision ${revision}`,
    description: null,
    sku: `SKU-${index}`,
    // Every second revision keeps the price of the one before.
    amountMinor: 100 + index + 10 * (revision >> 1),
    currency: 'EUR',
    active: true,
  }),

  async expectHeldOnce(account: StripeAccount, records: ReadonlyMap<number, number>) {
    const [held, prices] = await Promise.all([
      account.state<StripeProductState>('products'),
      account.state<StripePriceState>('prices'),
    ]);
    const activePrices = Map.groupBy(
      prices.filter(({ active }) => active),
      ({ product }) => product,
    );
    const found = held.map(({ id, name, active, default_price: defaultPrice, metadata }) => ({
      sourceId: metadata['interlock_source_id'],
      ...{ name, active },
      prices: (activePrices.get(id) ?? []).map((price) => ({
        isDefault: price.id === defaultPrice,
        amount: price.unit_amount,
        currency: price.currency,
      })),
    }));
    const wanted = [...records].map(([index, revision]) => {
      const { sourceId, name, active, amountMinor } = products.record(index, revision);
      return { sourceId, name, active, prices: [{ isDefault: true, amount: amountMinor, currency: 'eur' }] };
    });
    expectSame(found, wanted);
  },
};

export const VENUE_SIDES: Readonly<Record<'customers' | 'products', VenueSide>> = { customers, products };

/** Compares, and shows only the differences instead of hundreds of equal records. */
export function expectSame(held: readonly object[], wanted: readonly object[]): void {
  const [heldLines, wantedLines] = [count(held), count(wanted)];
  const differs = (lines: ReadonlyMap<string, number>, others: ReadonlyMap<string, number>) =>
    [...lines]
      .filter(([line, times]) => times > (others.get(line) ?? 0))
      .map(([line, times]) => `${times}× ${line}, not ${others.get(line) ?? 0}×`);
  const difference = { heldTooOften: differs(heldLines, wantedLines), missing: differs(wantedLines, heldLines) };
  expect(difference).toEqual({ heldTooOften: [], missing: [] });
}

function count(items: readonly object[]): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  for (const line of items.map((item) => JSON.stringify(item))) lines.set(line, (lines.get(line) ?? 0) + 1);
  return lines;
}
