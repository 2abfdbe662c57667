import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { aSandbox } from './support.ts';
import { interfacesIn } from './typings.ts';

type Json = Readonly<Record<string, unknown>>;

// Stripe's published fixtures, https://github.com/stripe/openapi. They lie beside the repository, which does not carry them.
const FIXTURES = new URL('../../../shared/samples/stripe/fixtures3.json', import.meta.url);
const present = existsSync(FIXTURES);
if (!present) process.stderr.write(`SKIPPED: the official Stripe fixtures are not at ${FIXTURES.pathname}, so the sandbox is not held to them.\n`);
const official = present ? (JSON.parse(readFileSync(FIXTURES, 'utf8')) as { resources: Record<string, Json> }).resources : {};

describe.skipIf(!present)('the sandbox answers in Stripe’s own shapes', () => {
  const filled = {
    name: 'Ana Trujillo',
    email: 'ana@example.com',
    phone: '+525555554729',
    description: 'Regular',
    address: { line1: 'Avda. 1', line2: '2', city: 'México', state: 'DF', postal_code: '05021', country: 'MX' },
    shipping: { name: 'Ana', phone: '1', address: { line1: 'Avda. 1' } },
    metadata: { sourceId: 'ANATR' },
  };

  it.each([
    ['as bare as it can be', {}],
    ['with everything set', filled],
  ])('a customer %s', async (_case, params) => {
    const { stripe } = await aSandbox();
    holdTo('customer', 'Customers', await stripe.customers.create(params));
  });

  it('a seeded customer', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({ count: 8 });
    for (const customer of (await stripe.customers.list()).data) holdTo('customer', 'Customers', customer);
  });

  it('an account', async () => {
    const { stripe } = await aSandbox();
    holdTo('account', 'Accounts', await stripe.accounts.retrieveCurrent());
  });

  it('a deleted customer', async () => {
    const { stripe } = await aSandbox();
    const { id } = await stripe.customers.create();
    const deleted = await stripe.customers.del(id);
    expect(deleted).toEqual({ ...official['deleted_customer'], id });
    expect(await stripe.customers.retrieve(id)).toEqual(deleted);
  });

  it('events of a create, an update and a delete', async () => {
    const { stripe } = await aSandbox();
    const { id } = await stripe.customers.create({ name: 'A' });
    await stripe.customers.update(id, { name: 'B' });
    await stripe.customers.del(id);
    const { data } = await stripe.events.list();
    expect(data.map((event) => event.type)).toEqual(['customer.deleted', 'customer.updated', 'customer.created']);
    for (const event of data) {
      // The fixture's own object is a plan; `data.object` is a customer here and held to the customer fixture.
      expect(Object.keys(event).sort()).toEqual(Object.keys(official['event'] ?? {}).sort());
      expect(Object.keys(event.data)).toEqual(event.type === 'customer.updated' ? ['object', 'previous_attributes'] : ['object']);
      holdTo('customer', 'Customers', event.data.object);
    }
  });

  it('a list', async () => {
    const { stripe } = await aSandbox();
    const page = await stripe.customers.list();
    const fixture = (official['account'] as { external_accounts: Json }).external_accounts;
    expect(Object.keys(page).sort()).toEqual(Object.keys(fixture).sort());
    expect(page).toEqual({ object: 'list', data: [], has_more: false, url: '/v1/customers' });
  });
});

/** Every official key is there with a type that fits, and none that neither the fixture nor the SDK's typings know. */
function holdTo(resource: string, typings: string, ours: object): void {
  const fixture = official[resource];
  if (!fixture) throw new Error(`the fixtures have no ${resource}`);
  const root = pascal(resource);
  compare({ ours: ours as Json, fixture, name: root, interfaces: interfacesIn(typings) });
}

interface Comparison {
  readonly ours: Json;
  readonly fixture: Json;
  readonly name: string;
  readonly interfaces: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

function compare({ ours, fixture, name, interfaces }: Comparison): void {
  const typed = interfaces.get(name) ?? new Map<string, string>();
  expect(Object.keys(ours), `${name} has every official key`).toEqual(expect.arrayContaining(Object.keys(fixture)));
  for (const [key, value] of Object.entries(ours)) {
    const where = `${name}.${key}`;
    const expected = fixture[key] ?? null;
    expect(key in fixture || typed.has(key), `${where} is known to Stripe`).toBe(true);
    if (expected === null) continue;
    const allowed = [kindOf(expected), .../\bnull\b/.exec(typed.get(key) ?? '') ?? []];
    expect(allowed, `${where} is of an official type`).toContain(kindOf(value));
    if (hasKeys(value) && hasKeys(expected)) compare({ ours: value, fixture: expected, name: `${name}.${pascal(key)}`, interfaces });
  }
}

const kindOf = (value: unknown) => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value);
const hasKeys = (value: unknown): value is Json => kindOf(value) === 'object' && Object.keys(value as object).length > 0;
const pascal = (key: string) => key.replace(/(?:^|_)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
