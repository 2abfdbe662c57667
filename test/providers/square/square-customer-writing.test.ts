import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CustomerFields } from '../../../records/customers.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import type { BatchWriter, MappableRecord, UpdateOptions } from '../../../providers/provider.ts';
import { writerOf } from '../../conformance/bench.ts';
import { createSquareWorld } from './square-world.ts';

const world = createSquareWorld();
const writer = () => writerOf(world.session('customers'));
const batch = (): BatchWriter => {
  const { batch: found } = writer();
  if (!found) throw new Error('customers are written in batches');
  return found;
};
const mapped = (record: MappableRecord) => world.adapter().mapping('customers').toPayload(record);

const NOBODY: CustomerFields = {
  name: null,
  email: null,
  phone: null,
  address: null,
  marketingConsent: null,
  metadata: {},
};
const aRecord = (fields: Partial<CustomerFields>): MappableRecord => ({
  id: randomUUID(),
  sourceId: 'c-1',
  fields: { ...NOBODY, ...fields },
});
const options = (): UpdateOptions => ({
  idempotencyKey: randomUUID(),
  clearedMetadataKeys: [],
  externalState: null,
});
/** What an update sends of a profile that is there, for a record with its fields and these changes. */
async function updated(profile: Readonly<Record<string, unknown>>, changes: Partial<CustomerFields>) {
  await world
    .merchant()
    .put('customers', [{ id: 'KNOWN', created_at: '2026-11-01T10:00:00.000Z', version: 3, ...profile }]);
  const present = await world.session('customers').retrieve('KNOWN');
  const before = world.proxy().requests.length;
  await writer().update('KNOWN', mapped(aRecord({ ...(present?.fields as CustomerFields), ...changes })), options());
  const sent = world
    .proxy()
    .requests.slice(before)
    .filter(({ path }) => path === '/v2/customers/bulk-update')
    .map(({ requestBody }) => (JSON.parse(requestBody) as { customers: { KNOWN: object } }).customers.KNOWN);
  const [stored] = await world.merchant().objects('customers');
  return { sent, stored };
}

describe('an update of a Square customer', () => {
  it('is refused as a conflict when somebody changed the profile after it was read, and succeeds when repeated', async () => {
    const created = await writer().create(mapped(aRecord({ name: 'Ada Lovelace' })), options());
    world.proxy().edit(async ({ path }) => {
      if (path !== '/v2/customers/bulk-retrieve') return;
      world.proxy().edit(null);
      await world.merchant().client.customers.update({ customerId: created.externalId, note: 'Prefers windows' });
    });
    const wanted = mapped(aRecord({ name: 'Ada King' }));
    await expect(writer().update(created.externalId, wanted, options())).rejects.toMatchObject({
      details: { kind: 'conflict', code: 'CONFLICT' },
    });
    await writer().update(created.externalId, wanted, options());
    expect(await world.merchant().objects('customers')).toMatchObject([
      { given_name: 'Ada', family_name: 'King', note: 'Prefers windows', version: 2 },
    ]);
  });

  it('keeps whatever it has no field for: note, birthday, nickname, company, a reference of others, parts of the address', async () => {
    const foreign = {
      ...{ note: 'Prefers windows', birthday: '1815-12-10', nickname: 'The Countess', company_name: 'Engines Ltd' },
      reference_id: 'LOYAL-7',
      preferences: { email_unsubscribed: true },
    };
    const { stored } = await updated(
      {
        ...{ given_name: 'Ada', family_name: 'Lovelace', ...foreign },
        address: { address_line_1: '1 High Street', sublocality: 'Beuel', locality: 'Bonn', country: 'DE' },
      },
      {
        name: 'Ada King',
        address: {
          line1: '2 High Street',
          line2: null,
          city: 'Bonn',
          region: null,
          postalCode: null,
          country: 'Germany',
        },
      },
    );
    expect(stored).toMatchObject({
      ...{ given_name: 'Ada', family_name: 'King', ...foreign },
      address: { address_line_1: '2 High Street', sublocality: 'Beuel', locality: 'Bonn', country: 'DE' },
    });
  });

  it('of unchanged fields writes nothing', async () => {
    const { sent } = await updated(
      {
        ...{ given_name: 'Ada', company_name: 'Engines Ltd', phone_number: '+49301234567' },
        address: { address_line_2: 'Flat 2', address_line_3: 'Back yard', country: 'DE' },
      },
      {},
    );
    expect(sent).toEqual([]);
  });

  it.each([
    [
      'the company of a profile without a person',
      { company_name: 'Engines Ltd' },
      'Engines',
      { company_name: 'Engines' },
    ],
    [
      'the nickname where that is all there is',
      { nickname: 'Countess', phone_number: '+49301234567' },
      'Ada',
      { nickname: 'Ada' },
    ],
    [
      'the family name where the given one stays',
      { given_name: 'Anna Maria', family_name: 'Bach' },
      'Anna Maria von Trapp',
      { family_name: 'von Trapp' },
    ],
    [
      'the given name where the family name stays',
      { given_name: 'Ann', family_name: 'von Trapp' },
      'Anna von Trapp',
      { given_name: 'Anna' },
    ],
    [
      'both where both change',
      { given_name: 'Ann', family_name: 'Lee' },
      'Grace Hopper',
      { given_name: 'Grace', family_name: 'Hopper' },
    ],
  ])('writes a changed name to %s', async (_, profile, name, expected) => {
    expect((await updated(profile, { name })).sent).toEqual([{ version: 3, ...expected }]);
  });

  it('keeps the second and the third line of an address apart while they are as they were read', async () => {
    const address = { address_line_1: '1 High Street', address_line_2: 'Flat 2', address_line_3: 'Back yard' };
    const read = { line2: 'Flat 2, Back yard', city: null, region: null, postalCode: null, country: null };
    const kept = await updated({ given_name: 'Ada', address }, { address: { ...read, line1: '2 High Street' } });
    expect(kept.stored).toMatchObject({ address: { ...address, address_line_1: '2 High Street' } });
    const replaced = await updated(
      { given_name: 'Ada', address },
      { address: { ...read, line1: null, line2: 'Flat 3' } },
    );
    expect(replaced.stored).toMatchObject({ address: { address_line_2: 'Flat 3' } });
    expect(replaced.stored?.['address'] as object).not.toHaveProperty('address_line_3');
  });
});

describe('a batch of Square customers', () => {
  it('has an outcome for each: one that Square refuses holds up no other', async () => {
    const good = mapped(aRecord({ name: 'Ada' }));
    const bad = { ...good, payload: { ...good.payload, phone: '123' } };
    const outcomes = await batch().create(
      [good, bad, mapped(aRecord({ name: 'Grace' }))].map((one) => ({ mapped: one, idempotencyKey: randomUUID() })),
      { idempotencyKey: randomUUID() },
    );
    expect(outcomes.map((one) => one instanceof ProviderError)).toEqual([false, true, false]);
    expect(outcomes[1]).toMatchObject({ details: { kind: 'rejected', field: 'phone_number' } });
    expect(await world.merchant().objects('customers')).toHaveLength(2);
  });

  it('of updates names the one that is gone and the one that cannot be read, and writes the others', async () => {
    const created = await batch().create(
      ['Ada', 'Grace', 'Jean'].map((name) => ({ mapped: mapped(aRecord({ name })), idempotencyKey: randomUUID() })),
      { idempotencyKey: randomUUID() },
    );
    const ids = created.map((one) => (one instanceof ProviderError ? '' : one.externalId));
    await world.merchant().client.customers.delete({ customerId: ids[0] ?? '' });
    const [, second] = await world.merchant().objects<{ readonly id: string }>('customers');
    await world.merchant().put('customers', [{ ...second, id: ids[1] ?? '', given_name: 7 }]);
    const outcomes = await batch().update(
      ids.map((externalId) => ({ externalId, mapped: mapped(aRecord({ name: 'Renamed' })), ...options() })),
      { idempotencyKey: randomUUID() },
    );
    expect(outcomes).toMatchObject([
      { details: { kind: 'rejected', httpStatus: 404 } },
      { details: { unreadable: expect.stringContaining('given_name') as string } },
      { externalId: ids[2], fields: { name: 'Renamed' } },
    ]);
  });
});

describe('the mapping of customers', () => {
  it.each([
    ['nothing that Square could find it by', {}, 'name'],
    ['a short phone number', { name: 'Ada', phone: '123' }, 'phone'],
    [
      'a country that there is not',
      { name: 'Ada', address: { ...noAddress(), country: 'Atlantis' } },
      'address.country',
    ],
    ['a name of 601 characters', { name: 'a'.repeat(601) }, 'name'],
  ])('names the field of a customer with %s, before any call', (_, fields, path) => {
    expect(mapped(aRecord(fields)).problems.map((problem) => problem.path)).toEqual([path]);
  });
});

function noAddress() {
  return { line1: null, line2: null, city: null, region: null, postalCode: null, country: null };
}
