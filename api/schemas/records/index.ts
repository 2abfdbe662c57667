import type { Resource } from '../../../contracts/providers.ts';
import { customers } from './customers.ts';
import { inventory } from './inventory.ts';
import { invoices } from './invoices.ts';
import { products } from './products.ts';
import type { RecordKind } from './record-kind.ts';
import { transactions } from './transactions.ts';

export const RECORD_KINDS: { readonly [R in Resource]: RecordKind<R> } = {
  products,
  customers,
  inventory,
  transactions,
  invoices,
};
