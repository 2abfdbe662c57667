import { isA, seededItem } from '../catalogue/catalogue.ts';
import { changeId, countId, seededStock } from '../inventory/inventory.ts';
import { seededCustomer } from '../customers/customers.ts';
import { seededInvoice } from '../invoices/invoices.ts';
import { seededPayment } from '../payments/payments.ts';
import type { Kind, SquareState, WireObject } from '../state/square-state.ts';

/** Milliseconds between seeded objects, as in the other stand-ins. */
const APART_MS = 37_000;

export interface SeedOrder {
  readonly state: SquareState;
  readonly merchant: string;
  /** The merchant's main location. */
  readonly locationId: string;
  readonly count: number;
  readonly nowMs: number;
}

type Seed = (order: SeedOrder) => readonly string[];

/** How `POST /seed` makes objects by their number. Answers the ids of those that clients would tell as one record each. */
export const SEEDS: Readonly<Partial<Record<Kind, Seed>>> = {
  customers: seedOf('customers', (index, atMs) => [seededCustomer(index, atMs)]),
  catalogue: seedOf('catalogue', seededItem, (object) => isA(object, 'ITEM_VARIATION')),
  invoices: seedOf('invoices', (index, atMs, locationId) => [seededInvoice(index, atMs, locationId)]),
  payments: seedOf('payments', (index, atMs, locationId) => [seededPayment(index, atMs, locationId)]),
  counts(order) {
    const { state, merchant, locationId } = order;
    const first = state.list(merchant, 'counts').length;
    const made = timesOf(order).map((atMs, index) => seededStock(first + index, atMs, locationId));
    const catalogue = made.flatMap((one) => one.catalogue);
    state.put(merchant, 'catalogue', catalogue.map(withId));
    state.put(
      merchant,
      'counts',
      made.map(({ count }) => [countId(count), count]),
    );
    state.put(
      merchant,
      'changes',
      made.map(({ change }) => [changeId(change), change]),
    );
    return made.map(({ count }) => `${String(count.catalog_object_id)}:${count.location_id}`);
  },
};

/** 37 s apart, back from now. */
const timesOf = ({ count, nowMs }: SeedOrder): readonly number[] =>
  Array.from({ length: count }, (_, index) => nowMs - (count - index) * APART_MS);

const withId = (object: WireObject): readonly [string, WireObject] => [String(object['id']), object];

/** Objects of one kind, each lot made from its number and time. */
function seedOf(
  kind: Kind,
  make: (index: number, createdAtMs: number, locationId: string) => readonly WireObject[],
  isTold: (object: WireObject) => boolean = () => true,
): Seed {
  return (order) => {
    const { state, merchant, locationId } = order;
    const first = state.list(merchant, kind).length;
    const objects = timesOf(order).flatMap((atMs, index) => make(first + index, atMs, locationId));
    state.put(merchant, kind, objects.map(withId));
    return objects.filter(isTold).map(({ id }) => String(id));
  };
}
