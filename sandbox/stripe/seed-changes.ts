import type { AccountState } from './account-state.ts';
import { ControlError } from './control-api.ts';
import type { SeedBody, SeededCustomer } from './control-schemas.ts';
import { EMPTY_FIELDS } from './customer.ts';
import type { CustomerFields } from './customer.ts';
import { randomId } from './ids.ts';
import type { Change } from './state.ts';

interface Seeding {
  readonly changes: readonly Change[];
  readonly created: number;
  /** Of given records, in their order; empty for a mere count. */
  readonly ids: readonly string[];
}

/** Customers that were there before anybody looked: they make no events. Throws a 409 `ControlError` when an id is taken. */
export function seedChanges(account: AccountState, seed: SeedBody, nowSeconds: number): Seeding {
  const id = account.profile.id;
  const firstOrder = account.nextOrder;
  if (seed.records === undefined) {
    const count = seed.count ?? 0;
    const batch = { count, newestCreated: nowSeconds, firstNo: account.nextSeedNo, firstOrder };
    return { changes: [{ op: 'seed', account: id, batch }], created: count, ids: [] };
  }
  const customers = seed.records.map((record, index) => ({
    id: record.id ?? randomId('cus_', 14),
    created: record.created ?? nowSeconds,
    order: firstOrder + index,
    fields: fieldsOf(record),
  }));
  const ids = customers.map((customer) => customer.id);
  const taken = ids.find((each) => account.customers.get(each) !== undefined || account.deletedCustomers.has(each));
  if (taken !== undefined) throw new ControlError(409, 'id-taken', { message: `There is a customer ${taken} already.` });
  if (new Set(ids).size < ids.length) throw new ControlError(409, 'id-taken', { message: 'Two of the records have the same id.' });
  return { changes: customers.map((customer) => ({ op: 'customer', account: id, customer })), created: ids.length, ids };
}

function fieldsOf({ id: _id, created: _created, ...given }: SeededCustomer): CustomerFields {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...EMPTY_FIELDS, ...(Object.fromEntries(set) as Partial<CustomerFields>) };
}
