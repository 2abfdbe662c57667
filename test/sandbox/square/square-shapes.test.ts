import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { seededItem } from '../../../sandbox/square/catalogue/catalogue.ts';
import { seededCustomer } from '../../../sandbox/square/customers/customers.ts';
import { seededStock } from '../../../sandbox/square/inventory/inventory.ts';
import { seededInvoice } from '../../../sandbox/square/invoices/invoices.ts';
import { seededPayment } from '../../../sandbox/square/payments/payments.ts';

type WireObject = Readonly<Record<string, unknown>>;

const typesFolder = join(dirname(createRequire(import.meta.url).resolve('square')), 'api', 'types');

/** The fields of an interface of the SDK, with those that it inherits, by their names on the wire. */
function fieldsOf(name: string): ReadonlyMap<string, string> {
  const path = join(typesFolder, `${name}.d.ts`);
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2023, true);
  const found = new Map<string, string>();
  const visit = (node: ts.Node): void => {
    if (!ts.isInterfaceDeclaration(node) || node.name.text !== name) {
      ts.forEachChild(node, visit);
      return;
    }
    for (const { types } of node.heritageClauses ?? [])
      for (const type of types)
        for (const [field, of] of fieldsOf(type.expression.getText(source).replace('Square.', '')))
          found.set(field, of);
    for (const member of node.members.filter(ts.isPropertySignature))
      found.set(onTheWire(member.name.getText(source)), member.type?.getText(source) ?? '');
  };
  visit(source);
  if (found.size === 0) throw new Error(`the SDK has no interface ${name}`);
  return found;
}

/** `addressLine1` is `address_line_1`. */
const onTheWire = (name: string) => name.replace(/[A-Z]|\d+/g, (part) => `_${part.toLowerCase()}`);

/** Fields of an object, and of what is in it, that its type does not have. */
function unknownFields(object: WireObject, name: string): readonly string[] {
  const fields = fieldsOf(name);
  return Object.entries(object).flatMap(([field, value]) => {
    const type = fields.get(field);
    if (type === undefined) return field === 'type' && name.startsWith('CatalogObject') ? [] : [`${name}.${field}`];
    const inner = /Square\.(\w+)/.exec(type)?.[1];
    const parts = Array.isArray(value) ? (value as unknown[]) : [value];
    return inner !== undefined && existsSync(join(typesFolder, `${inner}.d.ts`))
      ? parts.flatMap((part) => (isObject(part) && isInterface(inner) ? unknownFields(part, inner) : []))
      : [];
  });
}

const isObject = (value: unknown): value is WireObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isInterface = (name: string) =>
  readFileSync(join(typesFolder, `${name}.d.ts`), 'utf8').includes(`export interface ${name} `);

const AT_MS = Date.parse('2026-11-01T10:00:00Z');
const [item = {}, variation = {}] = seededItem(1, AT_MS);
const { count, change } = seededStock(1, AT_MS, 'L');

describe('objects of the stand-in Square', () => {
  it.each<[string, WireObject, string]>([
    ['a customer', seededCustomer(1, AT_MS), 'Customer'],
    ['an item', item, 'CatalogObjectItem'],
    ['a variation', variation, 'CatalogObjectItemVariation'],
    ['a count', count, 'InventoryCount'],
    ['a change of stock', change, 'InventoryChange'],
    ['a payment', seededPayment(1, AT_MS, 'L'), 'Payment'],
    ['an invoice', seededInvoice(1, AT_MS, 'L'), 'Invoice'],
  ])('have no field that the SDK’s typings do not have: %s', (_, object, name) => {
    expect(unknownFields(object, name)).toEqual([]);
  });

  it('would be found to have one', () => {
    expect(unknownFields({ given_name: 'Ada', colour: 'red' }, 'Customer')).toEqual(['Customer.colour']);
  });

  const samples: readonly [string, string, WireObject][] = [
    ['CustomerCreatedEvent', 'customer', seededCustomer(1, AT_MS)],
    ['PaymentUpdatedEvent', 'payment', seededPayment(1, AT_MS, 'L')],
    ['InvoiceUpdatedEvent', 'invoice', seededInvoice(1, AT_MS, 'L')],
    ['InventoryCountUpdatedEvent', 'inventory_counts', count],
  ];
  it.each(samples)(
    'hold the same kinds of value as Square’s sample %s (skipped loudly without it)',
    (event, name, object) => {
      const path = new URL(`../../../../shared/samples/square-webhook-events/${event}.json`, import.meta.url);
      if (!existsSync(path)) {
        process.stderr.write(`SKIPPED: Square’s sample ${event} is not next to this repository.\n`);
        return;
      }
      const { data } = JSON.parse(readFileSync(path, 'utf8')) as { data: { object: Record<string, unknown> } };
      const found = data.object[name];
      const sample = (Array.isArray(found) ? (found as unknown[])[0] : found) as WireObject;
      const shared = Object.keys(object).filter((field) => field in sample);
      expect(shared.length).toBeGreaterThan(4);
      for (const field of shared) expect([field, typeof object[field]]).toEqual([field, typeof sample[field]]);
    },
  );
});
