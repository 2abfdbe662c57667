import type { CustomerFields } from '../../records/customers.ts';
import type { InventoryFields } from '../../records/inventory.ts';
import type { InvoiceFields } from '../../records/invoices.ts';
import type { ProductFields } from '../../records/products.ts';
import type { TransactionFields } from '../../records/transactions.ts';

/** The fields of the product's own record kinds, for tests that name them. */
export interface FieldsByKind {
  readonly products: ProductFields;
  readonly customers: CustomerFields;
  readonly inventory: InventoryFields;
  readonly transactions: TransactionFields;
  readonly invoices: InvoiceFields;
}
export type KindName = keyof FieldsByKind;
export const KIND_NAMES: readonly KindName[] = ['products', 'customers', 'inventory', 'transactions', 'invoices'];
