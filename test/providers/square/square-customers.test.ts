import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CustomerFields } from '../../../records/customers.ts';
import { allTime, createSquareWorld, readList, recordsOf } from './square-world.ts';

const world = createSquareWorld();
const customers = () => world.session('customers');
const listed = { ...allTime, stream: 'customers' };

const FULL = {
  id: 'FULL0000000000000000000A',
  created_at: '2026-11-01T10:00:00.000Z',
  updated_at: '2026-11-02T10:00:00.000Z',
  given_name: 'Ada',
  family_name: 'Lovelace',
  company_name: 'Engines Ltd',
  nickname: 'The Countess',
  email_address: 'ada@example.com',
  phone_number: '+49301234567',
  birthday: '1815-12-10',
  reference_id: 'LOYAL-7',
  note: 'Prefers windows',
  address: {
    address_line_1: '1 High Street',
    address_line_2: 'Flat 2',
    address_line_3: 'Back yard',
    locality: 'Bonn',
    administrative_district_level_1: 'NW',
    postal_code: '53111',
    country: 'DE',
  },
  preferences: { email_unsubscribed: true },
  creation_source: 'DIRECTORY',
  version: 7,
};

const one = async (object: Readonly<Record<string, unknown>> & { readonly id: string }) => {
  await world.merchant().put('customers', [object]);
  const [record] = recordsOf(await readList(customers(), { stream: 'customers' }));
  return record;
};

describe('a page of customers', () => {
  it('rejects an unreadable object by its id and without its values, and reads the others', async () => {
    await world
      .merchant()
      .put('customers', [
        { ...FULL, id: 'WRONG', given_name: 7 },
        { ...FULL, id: 'FRACTION', version: 1.5 },
        { ...FULL, id: 'TOOLARGE', version: 2 ** 53 },
        FULL,
      ]);
    const page = await customers().listPage(listed);
    expect(page.records.map(({ externalId }) => externalId)).toEqual([FULL.id]);
    expect(page.rejections?.map(({ externalId, code }) => [externalId, code])).toEqual([
      ['FRACTION', 'unreadable'],
      ['TOOLARGE', 'unreadable'],
      ['WRONG', 'unreadable'],
    ]);
    expect(page.rejections?.[2]?.message).toContain('given_name');
    expect(JSON.stringify(page.rejections)).not.toContain('Ada');
    expect(page.positions).toHaveLength(4);
  });

  it.each([
    ['a page of a proxy', '<html>Bad gateway</html>'],
    ['a list', []],
    ['a text in the list’s place', { customers: 'none' }],
    ['a number as its cursor', { customers: [], cursor: 7 }],
  ])('is refused whole when its answer is %s', async (_, body) => {
    world.proxy().edit((answer) => void (answer.body = body));
    await expect(customers().listPage(listed)).rejects.toMatchObject({
      details: { kind: 'unexpected-response', httpStatus: 200 },
    });
  });

  it('is empty when Square answers an empty object', async () => {
    expect(await customers().listPage(listed)).toMatchObject({ records: [], positions: [], after: null });
  });

  it('treats exactly an expired cursor and a cursor of another query as gone', async () => {
    await world.merchant().seed('customers', 150);
    const { after } = await customers().listPage(listed);
    const [stream] = world.adapter().pullPlan('customers').listing.flat();
    const refusal = async (query: Parameters<ReturnType<typeof customers>['listPage']>[0]) => {
      const error = (await customers()
        .listPage(query)
        .catch((caught: unknown) => caught)) as { readonly details: { readonly kind: string } };
      return error.details;
    };
    const other = await refusal({ ...listed, fromEpochS: 1, after });
    expect(other).toMatchObject({ kind: 'rejected', httpStatus: 400, code: 'INVALID_CURSOR', field: 'cursor' });
    await world.control().clock(5 * 60_000);
    const expired = await refusal({ ...listed, after });
    for (const details of [other, expired]) expect(stream?.isCursorGone(details)).toBe(true);
    await world.control().fault({ kind: 'status', status: 400, times: 1 });
    expect(stream?.isCursorGone(await refusal({ ...listed, after }))).toBe(false);
  });

  it('repeats the whole query with its cursor: order, limit and range', async () => {
    await world.merchant().seed('customers', 120);
    const before = world.proxy().requests.length;
    await readList(customers(), { stream: 'customers', fromEpochS: 1_000_000_000 });
    const [first, second] = world
      .proxy()
      .requests.slice(before)
      .filter(({ path }) => path === '/v2/customers/search')
      .map(({ requestBody }) => JSON.parse(requestBody) as { cursor?: string });
    expect(second).toEqual({ ...first, cursor: expect.any(String) as string });
  });
});

describe('a customer of Square', () => {
  it('is read with every field, and its refusal of marketing', async () => {
    expect(await one(FULL)).toEqual({
      externalId: FULL.id,
      version: 7,
      beganAtMs: Date.parse(FULL.created_at),
      changedAtMs: Date.parse(FULL.updated_at),
      deleted: false,
      recordId: 'LOYAL-7',
      fields: {
        name: 'Ada Lovelace',
        email: 'ada@example.com',
        phone: '+49301234567',
        address: {
          line1: '1 High Street',
          line2: 'Flat 2, Back yard',
          city: 'Bonn',
          region: 'NW',
          postalCode: '53111',
          country: 'DE',
        },
        marketingConsent: false,
        metadata: {
          square_company_name: 'Engines Ltd',
          square_nickname: 'The Countess',
          square_birthday: '1815-12-10',
          square_reference_id: 'LOYAL-7',
        },
      } satisfies CustomerFields,
    });
  });

  it.each([
    ['its company', { company_name: 'Engines Ltd' }, 'Engines Ltd'],
    ['its family name', { family_name: 'Lovelace', company_name: 'Engines Ltd' }, 'Lovelace'],
    ['nothing', { email_address: 'ada@example.com' }, null],
  ])('is called by %s where that is all there is', async (_, fields, name) => {
    expect((await one({ id: 'C', created_at: FULL.created_at, version: 0, ...fields }))?.fields).toMatchObject({
      name,
    });
  });

  it('has unknown consent while it has not unsubscribed', async () => {
    const record = await one({ ...FULL, preferences: { email_unsubscribed: false } });
    expect(record?.fields).toMatchObject({ marketingConsent: null });
  });

  it('is retrieved by id even when lists omit it for lack of public information', async () => {
    await world.merchant().put('customers', [{ id: 'SHY', created_at: FULL.created_at, version: 3 }]);
    expect(recordsOf(await readList(customers(), { stream: 'customers' }))).toEqual([]);
    expect(await customers().retrieve('SHY')).toMatchObject({ externalId: 'SHY', version: 3 });
  });

  it('is reported as unreadable by itself when retrieved', async () => {
    await world.merchant().put('customers', [{ ...FULL, email_address: 7 }]);
    await expect(customers().retrieve(FULL.id)).rejects.toMatchObject({
      details: { kind: 'unexpected-response', unreadable: expect.stringContaining('email_address') as string },
    });
  });
});

describe('the feed of changed customers', () => {
  it('contains exactly the later changes, with higher versions', async () => {
    const ids = await world.merchant().seed('customers', 30);
    await world.merchant().client.customers.update({ customerId: ids[3] ?? '', givenName: 'Renamed' });
    const sinceS = Math.floor(Date.now() / 1_000) - 5;
    const told = recordsOf(await readList(customers(), { stream: 'changed-customers', fromEpochS: sinceS }));
    expect(told).toMatchObject([{ externalId: ids[3], version: 1, fields: { name: 'Renamed Seeded' } }]);
  });
});

describe('Square’s own sample (skipped loudly: the samples are not part of this repository)', () => {
  const sample = new URL('../../../../shared/samples/square-webhook-events/CustomerCreatedEvent.json', import.meta.url);
  const event = (() => {
    try {
      return JSON.parse(readFileSync(sample, 'utf8')) as {
        readonly data: { readonly object: { readonly customer: { readonly id: string } } };
      };
    } catch {
      process.stderr.write('SKIPPED: Square’s sample events are not next to this repository.\n');
      return null;
    }
  })();
  it.skipIf(event === null)('of a customer is read', async () => {
    expect(await one(event!.data.object.customer)).toMatchObject({
      externalId: 'QPTXM8PQNX3Q726ZYHPMNP46XC',
      version: 0,
      fields: { name: 'Jenkins Smorly', address: { city: 'Oakland', region: 'CA' }, marketingConsent: null },
    });
  });
});

describe('the SDK’s parser', () => {
  it('throws for a whole page with a fraction in an integer field, so records are read without it', async () => {
    await world.merchant().put('customers', [
      { ...FULL, version: 1.5 },
      { ...FULL, id: 'WELL' },
    ]);
    await expect(world.merchant().client.customers.search()).rejects.toBeInstanceOf(RangeError);
  });
});
