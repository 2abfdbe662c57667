import { customers } from './customers.ts';
import { inventory } from './inventory.ts';
import { invoices } from './invoices.ts';
import { products } from './products.ts';
import type { RecordKind } from './record-kind.ts';
import { transactions } from './transactions.ts';

/** The kinds of record that a process serves. */
export interface RecordKinds {
  readonly all: readonly RecordKind[];
  readonly names: readonly string[];
  has(name: string): boolean;
  /** Throws for a name that is none. */
  get(name: string): RecordKind;
}

/** Throws for kinds that clash, or that name one which is not among them. */
export function createRecordKinds(all: readonly RecordKind[]): RecordKinds {
  const byName = new Map(all.map((kind) => [kind.name, kind]));
  for (const what of ['name', 'table', 'idName'] as const) {
    if (new Set(all.map((kind) => kind[what])).size < all.length)
      throw new Error(`two kinds of record share a ${what}`);
  }
  for (const kind of all) {
    const named = Object.values(kind.fields).flatMap(({ value }) => ('of' in value ? value.of : []));
    const references = [...Object.values(kind.references), ...Object.values(kind.listReferences)];
    const missing = [...named, ...references.map(({ to }) => to)].find((to) => !byName.has(to));
    if (missing !== undefined) throw new Error(`${kind.name} names records of ${missing}, a kind that there is not`);
  }
  return {
    all,
    names: all.map(({ name }) => name),
    has: (name) => byName.has(name),
    get(name) {
      const kind = byName.get(name);
      if (!kind) throw new Error(`there is no kind of record called ${name}`);
      return kind;
    },
  };
}

export const RECORD_KINDS: RecordKinds = createRecordKinds([products, customers, inventory, transactions, invoices]);
