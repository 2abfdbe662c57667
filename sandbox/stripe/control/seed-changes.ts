import type { AccountState } from '../state/account-state.ts';
import { ControlError } from '../../core/control-api.ts';
import { Draft } from '../state/draft.ts';
import type { Kind } from '../http/objects.ts';
import { seedRecord } from './seed-records.ts';
import type { SeedBody } from './seed-schemas.ts';
import { SECONDS_APART } from './seeds.ts';
import type { Change, StripeState } from '../state/state.ts';

interface Seeding {
  readonly kind: Kind;
  readonly changes: readonly Change[];
  readonly created: number;
  /** The ids of given records, in their order; empty when only a count was given. */
  readonly ids: readonly string[];
}

/** The kinds that are seeded together by count: a charge has its payment intent and its balance transaction. */
const COUNTED = {
  customers: ['customer'],
  products: ['product', 'price'],
  charges: ['charge', 'balance_transaction', 'payment_intent'],
  invoices: ['invoice'],
} as const satisfies Record<string, readonly Kind[]>;

const KIND_OF: Readonly<Record<SeedBody['resource'], Kind>> = {
  customers: 'customer',
  products: 'product',
  prices: 'price',
  charges: 'charge',
  refunds: 'refund',
  disputes: 'dispute',
  balance_transactions: 'balance_transaction',
  payouts: 'payout',
  invoices: 'invoice',
};

/**
 * The changes that seed objects. Seeded objects create no events. Throws a `ControlError`: 409 when an id is taken, 404
 * for a missing reference.
 */
export function seedChanges(state: StripeState, account: AccountState, seed: SeedBody): Seeding {
  const kind = KIND_OF[seed.resource];
  if ('count' in seed && seed.count !== undefined) {
    const { count } = seed;
    return {
      kind,
      changes: batches(account, { kinds: COUNTED[seed.resource], count, newestCreated: state.clock.nowSeconds() }),
      created: count,
      ids: [],
    };
  }
  const draft = new Draft({ state, account, requestId: null, idempotencyKey: null }, { told: false });
  const ids = (seed.records ?? []).map((record) => {
    const id = record.id;
    if (id !== undefined && (draft.find(kind, id) || account.table(kind).deleted.has(id))) {
      throw new ControlError(409, 'id-taken', { message: `There is a ${kind} ${id} already.` });
    }
    return seedRecord(draft, seed.resource, record);
  });
  return { kind, changes: draft.changes, created: ids.length, ids };
}

function batches(
  account: AccountState,
  {
    kinds,
    count,
    newestCreated,
  }: { readonly kinds: readonly Kind[]; readonly count: number; readonly newestCreated: number },
): Change[] {
  const customers = account.table('customer').nextSeedNo - 1;
  // The kinds of one resource share their numbering, so that their objects refer to each other by number.
  const firstNo = Math.max(...kinds.map((kind) => account.table(kind).nextSeedNo));
  return kinds.map((kind, index) => ({
    op: 'seed',
    account: account.profile.id,
    kind,
    batch: {
      count,
      newestCreated,
      secondsApart: SECONDS_APART,
      firstNo,
      firstOrder: account.nextOrder + index * count,
      customers,
    },
  }));
}
