import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CustomerFields } from '../../../records/customers.ts';
import type { RecordFields } from '../../../records/record-kind.ts';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import type { ProviderRecord } from '../../../providers/provider.ts';
import { customerSchema } from '../../../providers/stripe/http/responses.ts';
import { allOf, createStripeWorld, writerOf } from './stripe-world.ts';
import type { StripeWorld } from './stripe-world.ts';

const FIXTURES = new URL('../../../../shared/samples/stripe/fixtures3.json', import.meta.url);
const EMPTY: CustomerFields = {
  name: null,
  email: null,
  phone: null,
  address: null,
  marketingConsent: null,
  metadata: {},
};
const NO_ADDRESS = { line1: null, line2: null, city: null, region: null, postalCode: null, country: null };
const ID = '0199f2c8-0000-7000-8000-000000000001';

const text = (maxLength: number) => fc.option(fc.string({ unit: 'grapheme', maxLength }));
const anyAddress = fc.record({
  line1: text(20),
  line2: text(20),
  city: text(20),
  region: text(20),
  postalCode: text(20),
  country: fc.option(fc.constantFrom('Germany', 'DE', 'de', 'UK', 'Atlantis', '')),
});
const anyFields = fc.record<CustomerFields>({
  name: text(60),
  email: fc.option(fc.constantFrom('ada@example.com', 'grace+tag@example.org')),
  phone: text(5),
  address: fc.option(anyAddress),
  marketingConsent: fc.option(fc.boolean()),
  metadata: fc.dictionary(
    fc.string({ minLength: 1, maxLength: 20 }).filter((key) => !/[[\]]/.test(key) && key !== '__proto__'),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    { maxKeys: 5 },
  ),
});

describe('a customer on its way to Stripe and back', () => {
  let world: StripeWorld;
  beforeAll(async () => {
    world = await createStripeWorld();
  });
  afterAll(() => world.close());
  beforeEach(() => world.reset());

  const writer = () => writerOf(world.customers());
  const map = (fields: CustomerFields) => world.mapping.toPayload({ id: ID, sourceId: 'source', fields });
  const fingerprint = (fields: RecordFields | null) => fingerprintOf(map((fields ?? EMPTY) as CustomerFields).payload);
  const fieldsOf = (record: ProviderRecord) => record.fields as CustomerFields | null;
  let key = 0;
  const nextKey = () => ({ idempotencyKey: `key-${(key += 1)}`, clearedMetadataKeys: [], externalState: null });

  it('keeps its fingerprint: our own write is never read as a change', async () => {
    await fc.assert(
      fc.asyncProperty(anyFields, async (fields) => {
        const mapped = map(fields);
        fc.pre(mapped.problems.length === 0);
        const created = await writer().create(mapped, nextKey());
        expect(fingerprint(created.fields)).toBe(fingerprint(fields));
        expect(created.recordId).toBe(ID);
      }),
      { numRuns: 150 },
    );
  });

  it('is equal after an update and after a creation: nothing of the earlier version remains', async () => {
    await fc.assert(
      fc.asyncProperty(anyFields, anyFields, async (before, after) => {
        fc.pre(map(before).problems.length === 0 && map(after).problems.length === 0);
        const { externalId } = await writer().create(map(before), nextKey());
        const clearedMetadataKeys = Object.keys(before.metadata).filter(
          (one) => !Object.hasOwn(after.metadata, one) || after.metadata[one] === '',
        );
        const updated = await writer().update(externalId, map(after), { ...nextKey(), clearedMetadataKeys });
        expect(fingerprint(updated.fields)).toBe(fingerprint(after));
        expect(fingerprint((await world.customers().retrieve(externalId))?.fields ?? null)).toBe(fingerprint(after));
      }),
      { numRuns: 100 },
    );
  });

  it.each<[string, Partial<CustomerFields>]>([
    ['an address of nothing but nulls', { address: NO_ADDRESS }],
    ['an address of nothing but empty texts', { address: { ...NO_ADDRESS, line1: '', country: '' } }],
    ['an empty name', { name: '' }],
    ['an empty metadata value', { metadata: { tier: '' } }],
    [
      'a metadata key that is ours',
      { metadata: { interlock_marketing_consent: 'true', interlock_record_id: 'x', tier: 'gold' } },
    ],
  ])('agrees with itself although Stripe does not keep %s', async (_what, fields) => {
    const given = { ...EMPTY, ...fields };
    const created = await writer().create(map(given), nextKey());
    expect(created.recordId).toBe(ID);
    expect(fingerprint(created.fields)).toBe(fingerprint(given));
  });

  it('loses a metadata value that the venue has cleared', async () => {
    const { externalId } = await writer().create(
      map({ ...EMPTY, metadata: { tier: 'gold', city: 'Bonn' } }),
      nextKey(),
    );
    const emptied = { ...EMPTY, metadata: { tier: '', city: 'Bonn' } };
    const updated = await writer().update(externalId, map(emptied), { ...nextKey(), clearedMetadataKeys: ['tier'] });
    expect(fieldsOf(updated)?.metadata).toEqual({ city: 'Bonn' });
  });

  it('carries consent in both directions, and keeps unknown consent unknown', async () => {
    for (const marketingConsent of [true, false, null]) {
      const created = await writer().create(map({ ...EMPTY, marketingConsent }), nextKey());
      expect(fieldsOf(created)?.marketingConsent).toBe(marketingConsent);
    }
  });

  it.each<[string, Partial<CustomerFields>, string]>([
    ['name', { name: 'n'.repeat(257) }, 'name'],
    ['email', { email: `${'e'.repeat(501)}@example.com` }, 'email'],
    ['phone', { phone: '1'.repeat(21) }, 'phone'],
    ['metadata key', { metadata: { ok: '1', ['k'.repeat(41)]: '1' } }, 'metadata.1'],
    ['metadata key with brackets', { metadata: { 'a[b]': '1' } }, 'metadata.0'],
    ['metadata value', { metadata: { long: 'v'.repeat(501) } }, 'metadata.0'],
    [
      'number of metadata keys',
      { metadata: Object.fromEntries(Array.from({ length: 49 }, (_, index) => [`k${index}`, 'v'])) },
      'metadata',
    ],
  ])('names the %s that Stripe would refuse, without its value', (_limit, fields, path) => {
    const { problems } = map({ ...EMPTY, ...fields });
    expect(problems).toMatchObject([{ path, message: expect.stringMatching(/^Stripe allows .*\.$/) as string }]);
    expect(JSON.stringify(problems)).not.toMatch(/nnnn|eeee|1111|kkkk|vvvv/);
  });

  it('is accepted at every limit, by us and by Stripe’s stand-in', async () => {
    const metadata = Object.fromEntries(
      Array.from({ length: 48 }, (_, index) => [`${index}`.padEnd(40, 'k'), 'v'.repeat(500)]),
    );
    const full = map({ ...EMPTY, name: 'n'.repeat(256), phone: '1'.repeat(20), metadata });
    expect(full.problems).toEqual([]);
    await expect(writer().create(full, nextKey())).resolves.toMatchObject({ recordId: ID });
  });

  it('names every problem at once', () => {
    expect(
      map({ ...EMPTY, name: 'n'.repeat(300), phone: '1'.repeat(30), metadata: { a: 'v'.repeat(600) } }).problems,
    ).toHaveLength(3);
  });

  it('appears in the change feed, newest first, in its state at each event', async () => {
    const { externalId } = await writer().create(map({ ...EMPTY, name: 'First' }), nextKey());
    await writer().update(externalId, map({ ...EMPTY, name: 'Second' }), nextKey());
    await fetch(`${world.sandbox.apiUrl}/v1/customers/${externalId}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${world.sandbox.secretKey}` },
    });
    const page = await world.customers().listPage(allOf('events'));
    expect(page.records.map((record) => [record.deleted, fieldsOf(record)?.name])).toEqual([
      [true, undefined],
      [false, 'Second'],
      [false, 'First'],
    ]);
    expect(page.records.every(({ recordId }) => recordId === ID)).toBe(true);
    expect(await world.customers().retrieve(externalId)).toBeNull();
  });

  it('counts a reading as older than an event of the same second', async () => {
    const created = await writer().create(map(EMPTY), nextKey());
    const [event] = (await world.customers().listPage(allOf('events'))).records;
    expect(event?.version).toBeGreaterThan(created.version);
  });

  it('belongs to the key’s mode', async () => {
    expect(await world.open().account()).toMatchObject({
      environment: 'sandbox',
      externalAccountId: expect.stringMatching(/^acct_/) as string,
    });
    expect(() => world.adapter.mapping('inventory')).toThrow('does not sync inventory');
  });

  it.skipIf(!existsSync(FIXTURES))(
    'is read from Stripe’s own sample (skipped loudly: the samples are not part of this repository)',
    () => {
      const { resources } = JSON.parse(readFileSync(FIXTURES, 'utf8')) as {
        readonly resources: Readonly<Record<string, unknown>>;
      };
      expect(customerSchema.parse(resources['customer'])).toMatchObject({
        id: expect.stringMatching(/^cus_/) as string,
        object: 'customer',
      });
    },
  );
});

if (!existsSync(FIXTURES))
  process.stderr.write(
    'SKIPPED: Stripe’s published fixtures are not next to this repository; the sample customer was not parsed.\n',
  );
