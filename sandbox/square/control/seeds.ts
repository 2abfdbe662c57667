import { isA, seededItem } from '../catalogue/catalogue.ts';
import { seededCustomer } from '../customers/customers.ts';
import type { Kind, SquareState, WireObject } from '../state/square-state.ts';

/** Milliseconds between seeded objects, as in the other stand-ins. */
const APART_MS = 37_000;

export interface SeedOrder {
  readonly state: SquareState;
  readonly merchant: string;
  readonly count: number;
  readonly nowMs: number;
}

type Seeded = WireObject & { readonly id: string };

/** How `POST /seed` puts objects of one resource there. Both answer their ids. */
export interface Seed {
  readonly make: (order: SeedOrder) => readonly string[];
  readonly store: (state: SquareState, merchant: string, objects: readonly Seeded[]) => readonly string[];
}

/** `ids`: of the objects that become records, of all that are made together. */
export const SEEDS: Readonly<Record<string, Seed>> = {
  customers: seedOf('customers', (...made) => [seededCustomer(...made)]),
  catalogue: seedOf('catalogue', seededItem, (object) => isA(object, 'ITEM_VARIATION')),
};

/** Objects of one kind, 37 s apart back from now, each lot made from its number and time. */
function seedOf(
  kind: Kind,
  make: (index: number, createdAtMs: number) => readonly WireObject[],
  isTold: (object: WireObject) => boolean = () => true,
): Seed {
  const store: Seed['store'] = (state, merchant, objects) => {
    state.put(
      merchant,
      kind,
      objects.map((object) => [object.id, object]),
    );
    return objects.filter(isTold).map(({ id }) => id);
  };
  return {
    store,
    make({ state, merchant, count, nowMs }) {
      const first = state.list(merchant, kind).length;
      const objects = Array.from({ length: count }, (_, index) =>
        make(first + index, nowMs - (count - index) * APART_MS).map((object) => ({
          ...object,
          id: String(object['id']),
        })),
      );
      return store(state, merchant, objects.flat());
    },
  };
}
