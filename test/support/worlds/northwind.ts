import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { REPOSITORY } from '../../../runtime/start/home.ts';

const FOLDER = path.resolve(REPOSITORY, '..', 'shared', 'samples', 'northwind');

/** Whether the sample exists; prints a note when it does not. */
export function hasNorthwind(): boolean {
  const there = existsSync(path.join(FOLDER, 'customers.json'));
  if (!there) process.stderr.write(`\nNOT TESTED: Northwind as a venue, because ${FOLDER} is not there\n\n`);
  return there;
}

type Row = Readonly<Record<string, string | number | null>>;
const rows = (name: string): readonly Row[] =>
  JSON.parse(readFileSync(path.join(FOLDER, `${name}.json`), 'utf8')) as Row[];
const text = (value: Row[string] | undefined): string | null => (value == null ? null : String(value));

/** The sample stores prices as 32-bit floats: 9.80000019 is 9.80. */
const cents = (price: Row[string] | undefined): number => Math.round(Number(price) * 100);

export function northwindCustomers() {
  return rows('customers').map((row) => ({
    sourceId: text(row['customer_id']),
    name: text(row['company_name']),
    phone: text(row['phone']),
    address: {
      line1: text(row['address']),
      city: text(row['city']),
      region: text(row['region']),
      postalCode: text(row['postal_code']),
      country: text(row['country']),
    },
    metadata: { contact: text(row['contact_name']), title: text(row['contact_title']) },
  }));
}

export function northwindProducts() {
  return rows('products').map((row) => ({
    sourceId: `product-${row['product_id']}`,
    name: text(row['product_name']),
    description: text(row['quantity_per_unit']),
    sku: `NW-${row['product_id']}`,
    amountMinor: cents(row['unit_price']),
    currency: 'USD',
    active: row['discontinued'] === 0,
    metadata: { supplier: text(row['supplier_id']) },
  }));
}

export interface NorthwindOrder {
  readonly orderId: string;
  readonly customerId: string;
  readonly orderedEpochS: number;
  readonly day: string;
  /** The amount the customer paid: the lines after their discounts, and the freight. */
  readonly amountMinor: number;
}

export function northwindOrders(): readonly NorthwindOrder[] {
  const lines = Map.groupBy(rows('order_details'), (row) => row['order_id']);
  return rows('orders').map((row) => {
    const day = text(row['order_date'])!;
    const sold = (lines.get(row['order_id']) ?? []).reduce((sum, line) => sum + lineMinor(line), 0);
    return {
      orderId: text(row['order_id'])!,
      customerId: text(row['customer_id'])!,
      orderedEpochS: Date.parse(`${day}T12:00:00Z`) / 1_000,
      day,
      amountMinor: sold + cents(row['freight']),
    };
  });
}

/** Discounts are whole percentages. */
const lineMinor = (line: Row) =>
  Math.round(
    (cents(line['unit_price']) * Number(line['quantity']) * (100 - Math.round(Number(line['discount']) * 100))) / 100,
  );
