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

export const SEEDS: Readonly<Record<string, Seed>> = { customers: seedOf('customers', seededCustomer) };

/** Objects of one kind, 37 s apart back from now, each made from its number and time. */
function seedOf(kind: Kind, make: (index: number, createdAtMs: number) => WireObject): Seed {
  const store: Seed['store'] = (state, merchant, objects) => {
    state.put(
      merchant,
      kind,
      objects.map((object) => [object.id, object]),
    );
    return objects.map(({ id }) => id);
  };
  return {
    store,
    make({ state, merchant, count, nowMs }) {
      const first = state.list(merchant, kind).length;
      const objects = Array.from({ length: count }, (_, index) => {
        const object = make(first + index, nowMs - (count - index) * APART_MS);
        return { ...object, id: String(object['id']) };
      });
      return store(state, merchant, objects);
    },
  };
}
