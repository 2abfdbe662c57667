import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecordStore, createRecordStores } from '../../../db/records/record-store.ts';
import { createVenueStore } from '../../../db/core/venue-store.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import type { Resource } from '../../../contracts/providers.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createApiWorld, pathsOf } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { inventory } from '../../../records/inventory.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';

type SyncWorld = Awaited<ReturnType<typeof createSyncWorld>>;
type Shown = Readonly<Record<string, unknown>> & { readonly id: string; readonly version: number };

const ENVELOPE = ['id', 'venueId', 'version', 'createdAt', 'updatedAt', 'deletedAt', 'links'];
/** Text as Stripe stores it: lengths beyond today's limits date from before the limits. */
const text = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.constantFrom('', ' ', '\t', 'no address', 'a@b@c', '🎈'.repeat(600), 'x'.repeat(5_000), '__proto__'),
  )
  .map((one) => one.replaceAll('\0', ''));
const textOrNone = fc.option(text);
const metadata = fc.oneof(
  fc.dictionary(
    fc
      .oneof(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
        fc.constantFrom('__proto__', 'constructor', '[k]'),
      )
      .map((key) => key.replaceAll('\0', 'k')),
    text,
    { maxKeys: 5 },
  ),
  fc.constant(
    Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`${index}`.padEnd(40, 'k'), '🎈'.repeat(500)])),
  ),
);
const address = fc.option(
  fc.record({
    line1: textOrNone,
    line2: textOrNone,
    city: textOrNone,
    state: textOrNone,
    postal_code: textOrNone,
    country: textOrNone,
  }),
);
const customer = fc.record({ name: textOrNone, email: textOrNone, phone: textOrNone, address, metadata });
const product = fc.record(
  {
    name: text,
    description: textOrNone,
    images: fc.array(text, { maxLength: 8 }),
    metadata,
    unit_amount: fc.integer({ min: 0, max: 99_999_999 }),
    currency: fc.constantFrom('usd', 'jpy', 'mga', 'isk', 'ugx', 'kwd', 'clf'),
    active: fc.boolean(),
  },
  { requiredKeys: ['name'] },
);
const charge = fc.record({
  amount: fc.integer({ min: 50, max: 99_999_999 }),
  currency: fc.constantFrom('usd', 'jpy', 'mga', 'std', 'eur'),
  description: textOrNone,
  metadata,
  refunded_amount: fc.constantFrom(0, 50),
});
const invoice = fc.record({
  currency: fc.constantFrom('usd', 'jpy', 'mga', 'std', 'eur'),
  lines: fc.array(
    fc.record({ amount: fc.integer({ min: -99_999, max: 99_999_999 }), description: textOrNone, quantity: fc.nat() }),
    { maxLength: 12 },
  ),
  number: textOrNone,
  metadata,
  status: fc.constantFrom('draft', 'open', 'paid', 'void', 'uncollectible'),
});

describe('a record that a pull has stored', () => {
  let world: SyncWorld;
  let api: ApiWorld;
  let venue: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld();
    const { db } = world.database;
    api = await createApiWorld({
      deps: { records: createRecordStores(db, RECORD_KINDS), venues: createVenueStore(db) },
    });
  });
  afterAll(() => Promise.all([world.close(), api.close()]));
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  const pathOf = (resource: Resource, of = venue) => `/v1/venues/${of.venueId}/records/${resource}`;
  const all = async (resource: Resource, of = venue) =>
    (await api.send('GET', `${pathOf(resource, of)}?limit=200`)).json.data as unknown as readonly Shown[];
  const fieldsOf = (record: Shown) =>
    Object.fromEntries(Object.entries(record).filter(([name]) => !ENVELOPE.includes(name)));

  /** Sends every record back as a whole record, as its fields alone, and as a change. */
  async function expectAccepted(resource: Resource, of = venue): Promise<number> {
    const records = await all(resource, of);
    for (const record of records) {
      const item = `${pathOf(resource, of)}/${record.id}`;
      for (const [method, json] of [
        ['PUT', record],
        ['PUT', fieldsOf(record)],
        ['PATCH', fieldsOf(record)],
      ] as const) {
        const answer = await api.send(method, item, { json });
        expect({ status: answer.status, errors: answer.json.errors }).toEqual({ status: 200, errors: undefined });
        expect(answer.json).toEqual(record);
      }
    }
    return records.length;
  }

  it.each<[Resource, string, fc.Arbitrary<object>]>([
    ['customers', 'customers', customer],
    ['products', 'products', product],
    ['transactions', 'charges', charge],
    ['invoices', 'invoices', invoice],
  ])(
    'is accepted and unchanged when it is sent back as it was read: %s',
    async (resource, kind, arbitrary) => {
      await fc.assert(
        fc.asyncProperty(fc.array(arbitrary, { minLength: 4, maxLength: 8 }), async (records) => {
          await world.stripe.reset();
          const of = await world.aVenue();
          await world.stripe.seed({ resource: kind, records });
          await world.sync(of, 'pull', 'full', { resource });
          expect(await expectAccepted(resource, of)).toBeGreaterThan(0);
        }),
        { numRuns: 12, endOnFailure: true },
      );
    },
    120_000,
  );

  it('is accepted with 6,000 invoice lines, odd quantities, and more metadata than callers may send', async () => {
    await world.stripe.seed({ resource: 'charges', records: [{ amount: 5_000, metadata: { a: '1' } }] });
    await world.sync(venue, 'pull', 'full', { resource: 'transactions' });
    const lines = Array.from({ length: 6_000 }, (_, index) => ({
      description: index === 0 ? 'd'.repeat(9_000) : null,
      quantity: ['1e+21', '0.1234567890123', null][index % 3],
      amountMinor: -index,
      productSourceId: null,
    }));
    const facts = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`stripe_${index}`, 'x']));
    await withVenue(world.database.db, venue.venueId, (tx) =>
      tx.execute(
        sql`update transactions set lines = ${JSON.stringify(lines)}::jsonb, metadata = ${JSON.stringify(facts)}::jsonb, fee_minor = -7`,
      ),
    );
    expect(await expectAccepted('transactions')).toBe(1);
  });

  it('is accepted with a quantity that has more digits than callers may send', async () => {
    await createRecordStore(world.database.db, inventory).upsertMany(venue.venueId, [
      {
        sourceId: 'i',
        productSourceId: 'p'.repeat(400),
        location: '',
        quantity: '-12345678901234567890.12345678901234',
        countedAt: '2026-01-01T00:00:00.000Z',
        metadata: {},
      },
    ]);
    expect(await expectAccepted('inventory')).toBe(1);
  });

  it('is validated only where it was changed: unchanged fields stay, and bad ones are named', async () => {
    await world.stripe.seed({
      resource: 'customers',
      records: [{ name: 'Ada', email: 'no address', phone: '1'.repeat(80) }],
    });
    await world.sync(venue, 'pull', 'full');
    const [record] = await all('customers');
    const item = `${pathOf('customers')}/${record!.id}`;
    expect(await api.send('PUT', item, { json: { ...record, name: 'Berta' } })).toMatchObject({
      status: 200,
      json: { name: 'Berta', email: 'no address', phone: '1'.repeat(80), version: 2 },
    });
    expect(await api.send('PATCH', item, { json: { email: 'no address', name: 'Carla' } })).toMatchObject({
      status: 200,
      json: { name: 'Carla', phone: '1'.repeat(80) },
    });
    const refused = await api.send('PUT', item, {
      json: { ...fieldsOf(record!), email: 'no addresses', colour: 1, id: 'x' },
    });
    expect({ status: refused.status, paths: pathsOf(refused.json.errors).sort() }).toEqual({
      status: 400,
      paths: ['colour', 'email', 'id'],
    });
    expect(await api.send('PUT', item, { json: { email: 'no address' } })).toMatchObject({
      status: 200,
      json: { name: null, phone: null, email: 'no address' },
    });
  });

  it('does not allow its out-of-range values in another record', async () => {
    await world.stripe.seed({
      resource: 'customers',
      records: [{ name: 'Ada', email: 'no address' }, { name: 'Berta' }],
    });
    await world.sync(venue, 'pull', 'full');
    const berta = (await all('customers')).find(({ name }) => name === 'Berta');
    const refused = await api.send('PATCH', `${pathOf('customers')}/${berta!.id}`, { json: { email: 'no address' } });
    expect(pathsOf(refused.json.errors)).toEqual(['email']);
  });
});
