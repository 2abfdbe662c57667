import { describe, expect, it } from 'vitest';
import type { CustomerFields } from '../../../records/customers.ts';
import type { ProductFields } from '../../../records/products.ts';
import { aKey, changing, createQuickBooksWorld, detailsOf, readList, recordsOf } from './quickbooks-world.ts';

const world = createQuickBooksWorld();

const CUSTOMER: CustomerFields = {
  name: 'Ada',
  email: 'ada@example.com',
  phone: '+4930123456',
  address: { line1: '1 High Street', line2: null, city: 'Bonn', region: null, postalCode: '53111', country: 'Germany' },
  marketingConsent: null,
  metadata: {},
};
const PRODUCT: ProductFields = {
  ...{ name: 'Chai', description: 'Ten boxes', sku: 'CH-1', amountMinor: 1_099, currency: 'GBP' },
  ...{ active: true, taxable: true, images: [], metadata: {} },
};

/** The bodies of the items that the last batch has sent. */
function lastSent(entity: string): readonly Readonly<Record<string, unknown>>[] {
  const last = world
    .proxy()
    .requests.filter(({ path }) => path.endsWith('/batch'))
    .at(-1);
  const { BatchItemRequest: items } = JSON.parse(last?.requestBody ?? '{}') as {
    readonly BatchItemRequest: readonly Readonly<Record<string, Readonly<Record<string, unknown>>>>[];
  };
  return items.map((item) => item[entity] ?? {});
}
const batches = () => world.proxy().requests.filter(({ path }) => path.endsWith('/batch')).length;
const map = (resource: 'customers' | 'products', fields: object) => world.map(resource, fields as CustomerFields);
const update = (resource: 'customers' | 'products', id: string, fields: object) =>
  world.writer(resource).update(id, map(resource, fields), { ...aKey(), ...changing });

describe('an update of a customer', () => {
  it('sends only what differs, with the token that was read', async () => {
    const { externalId } = await world.writer('customers').create(map('customers', CUSTOMER), aKey());
    await update('customers', externalId, { ...CUSTOMER, phone: '+4930999999' });
    expect(lastSent('Customer')).toEqual([
      { Id: externalId, SyncToken: '0', sparse: true, PrimaryPhone: { FreeFormNumber: '+4930999999' } },
    ]);
  });

  it('is not sent where nothing differs, though QuickBooks answers another country and other spaces', async () => {
    const { externalId } = await world.writer('customers').create(map('customers', CUSTOMER), aKey());
    const before = batches();
    for (const country of ['Germany', 'DE', 'DEU'])
      await update('customers', externalId, { ...CUSTOMER, address: { ...CUSTOMER.address, country } });
    expect(batches()).toBe(before);
    expect(await world.company().objects('side-effects')).toEqual([]);
  });

  it('keeps what Interlock has no field for', async () => {
    const { Customer: made } = (await world.company().write('customer', {
      ...{ DisplayName: 'Ada', Notes: 'of the harbour', Mobile: { FreeFormNumber: '1' } },
    })) as { readonly Customer: { readonly Id: string } };
    await update('customers', made.Id, { ...CUSTOMER, name: 'Ada L.' });
    expect(await world.company().objects('Customer')).toMatchObject([
      { DisplayName: 'Ada L.', Notes: 'of the harbour', Mobile: { FreeFormNumber: '1' } },
    ]);
  });

  it('of one that somebody changed in between is a conflict, and takes the new state when it is repeated', async () => {
    const { externalId } = await world.writer('customers').create(map('customers', CUSTOMER), aKey());
    const other = { Id: externalId, SyncToken: '0', sparse: true, PrimaryPhone: { FreeFormNumber: '1' } };
    let isFirst = true;
    world.proxy().edit(async ({ path }) => {
      if (!path.endsWith('/query') || !isFirst) return;
      isFirst = false;
      await world.company().write('customer', other);
    });
    const wanted = { ...CUSTOMER, email: 'new@example.com', phone: '1' };
    const options = { ...aKey(), ...changing };
    const attempt = () => world.writer('customers').update(externalId, map('customers', wanted), options);
    expect(await detailsOf(attempt())).toMatchObject({ kind: 'conflict', code: '5010' });
    expect(await attempt()).toMatchObject({ fields: { email: 'new@example.com', phone: '1' } });
    expect(lastSent('Customer')).toEqual([
      { Id: externalId, SyncToken: '1', sparse: true, PrimaryEmailAddr: { Address: 'new@example.com' } },
    ]);
  });

  it('that is answered with another object says nothing of its own', async () => {
    const made = await Promise.all(
      ['Ada', 'Bea'].map((name) => world.writer('customers').create(map('customers', { ...CUSTOMER, name }), aKey())),
    );
    world.proxy().edit(({ path, body }) => {
      if (!path.endsWith('/batch')) return;
      const { BatchItemResponse: items } = body as { readonly BatchItemResponse: { bId: string }[] };
      for (const [index, item] of items.entries()) item.bId = String(items.length - 1 - index);
    });
    const updates = made.map(({ externalId }) => ({
      ...{ externalId, mapped: map('customers', { ...CUSTOMER, name: `Grace ${externalId}` }) },
      ...aKey(),
      ...changing,
    }));
    expect(await world.writer('customers').batch?.update(updates, aKey())).toMatchObject([
      { details: { kind: 'unexpected-response', unreadable: expect.stringMatching(/^Id: /) as string } },
      { details: { kind: 'unexpected-response', unreadable: expect.stringMatching(/^Id: /) as string } },
    ]);
  });

  it('whose answer was lost is found to be done', async () => {
    const { externalId } = await world.writer('customers').create(map('customers', CUSTOMER), aKey());
    await world.control().fault({ kind: 'commit-then-fail', match: { path: '/v3/company/\\d+/batch' }, times: 1 });
    const options = { ...aKey(), ...changing };
    const mapped = map('customers', { ...CUSTOMER, name: 'Ada L.' });
    const attempt = () => world.writer('customers').update(externalId, mapped, options);
    expect(await detailsOf(attempt())).toMatchObject({ kind: 'unavailable' });
    expect(await attempt()).toMatchObject({ fields: { name: 'Ada L.' } });
    expect(await world.company().objects('Customer')).toMatchObject([{ SyncToken: '1' }]);
  });
});

describe('a creation', () => {
  it('under a key that was sent with other content is a conflict, not an agreement', async () => {
    const key = aKey();
    await world.writer('customers').create(map('customers', CUSTOMER), key);
    const changed = map('customers', { ...CUSTOMER, email: 'new@example.com' });
    expect(await detailsOf(world.writer('customers').create(changed, key))).toMatchObject({ kind: 'conflict' });
    expect(await world.company().objects('Customer')).toHaveLength(1);
  });

  it('of 60 customers takes two batches of 30', async () => {
    const batch = world.writer('customers').batch;
    expect(batch?.size).toBe(30);
    for (const first of [0, 30]) {
      const entries = Array.from({ length: 30 }, (_, index) => ({
        mapped: map('customers', { ...CUSTOMER, name: `Customer ${first + index}` }),
        ...aKey(),
      }));
      await batch?.create(entries, aKey());
    }
    const calls = (await world.company().calls()).filter(({ path }) => path.endsWith('/batch'));
    expect(calls).toHaveLength(2);
    expect(await world.company().objects('Customer')).toHaveLength(60);
  });

  it('finds no customer of that name that was there before', async () => {
    await world.company().seed('Customer', 1);
    const fields = { ...CUSTOMER, name: 'Customer 0' };
    const createdSinceEpochS = Math.floor(Date.now() / 1_000);
    const hint = { recordId: 'x', email: null, fields, createdSinceEpochS, after: null };
    expect(await world.writer('customers').findRemote(hint)).toEqual({ found: null, after: null });
  });
});

describe('a product', () => {
  it('is priced digit by digit, in the company’s currency alone', async () => {
    await world.writer('products').create(map('products', PRODUCT), aKey());
    const last = world
      .proxy()
      .requests.filter(({ path }) => path.endsWith('/batch'))
      .at(-1);
    expect(last?.requestBody).toContain('"UnitPrice":10.99');
    const foreign = map('products', { ...PRODUCT, name: 'Chang', currency: 'EUR' });
    expect(await detailsOf(world.writer('products').create(foreign, aKey()))).toMatchObject({
      ...{ kind: 'rejected', code: 'foreign-currency', field: 'currency' },
    });
    expect(await world.company().objects('Item')).toHaveLength(1);
  });

  it('keeps its tax where the venue says nothing of it', async () => {
    const { externalId } = await world.writer('products').create(map('products', PRODUCT), aKey());
    await update('products', externalId, { ...PRODUCT, sku: 'CH-2', taxable: null });
    expect(lastSent('Item')).toEqual([{ Id: externalId, SyncToken: '0', sparse: true, Sku: 'CH-2' }]);
    await world.writer('products').create(map('products', { ...PRODUCT, name: 'Tea', taxable: null }), aKey());
    expect(lastSent('Item')[0]).not.toHaveProperty('Taxable');
    await update('products', externalId, { ...PRODUCT, sku: 'CH-2', taxable: false });
    expect(lastSent('Item')).toMatchObject([{ Id: externalId, Taxable: false }]);
  });

  it('in a foreign currency holds up no other of its batch', async () => {
    const entries = [
      { mapped: map('products', { ...PRODUCT, currency: 'EUR' }), ...aKey() },
      { mapped: map('products', { ...PRODUCT, name: 'Chang' }), ...aKey() },
    ];
    expect(await world.writer('products').batch?.create(entries, aKey())).toMatchObject([
      { details: { code: 'foreign-currency' } },
      { fields: { name: 'Chang' } },
    ]);
  });

  it('is written back without a side effect: no quantity, no account, no write', async () => {
    await world.company().seed('Item', 20);
    const before = batches();
    for (const { externalId, fields } of recordsOf(await readList(world.session('products'), { stream: 'items' })))
      await update('products', externalId, fields as ProductFields);
    expect(batches()).toBe(before);
    const [first] = await world.company().objects<{ readonly Id: string }>('Item');
    await update('products', first?.Id ?? '', { ...PRODUCT, name: 'Renamed' });
    expect(await world.company().objects('side-effects')).toEqual([]);
    for (const name of ['QtyOnHand', 'InvStartDate', 'IncomeAccountRef', 'Type'])
      expect(lastSent('Item')[0]).not.toHaveProperty(name);
  });

  it('that is out of use takes a change and stays out of use', async () => {
    const unused = { ...PRODUCT, active: false };
    const { externalId } = await world.writer('products').create(map('products', PRODUCT), aKey());
    await world.writer('products').archive(externalId, aKey());
    const changed = await update('products', externalId, { ...unused, amountMinor: 1_250 });
    expect(changed).toMatchObject({ fields: { name: 'Chai', active: false, amountMinor: 1_250 } });
    expect(await world.company().objects('Item')).toMatchObject([
      { Name: 'Chai (deleted)', Active: false, UnitPrice: 12.5 },
    ]);
    const before = batches();
    await update('products', externalId, { ...unused, amountMinor: 1_250 });
    expect(batches()).toBe(before);
  });

  it('that is taken out of use keeps its name here, and gets it back at QuickBooks when it is put to use again', async () => {
    const { externalId } = await world.writer('products').create(map('products', PRODUCT), aKey());
    expect(await world.writer('products').archive(externalId, aKey())).toBe('archived');
    expect(await world.company().objects('Item')).toMatchObject([{ Name: 'Chai (deleted)', Active: false }]);
    expect(await world.session('products').retrieve(externalId)).toMatchObject({
      fields: { name: 'Chai', active: false },
    });
    await update('products', externalId, PRODUCT);
    expect(await world.company().objects('Item')).toMatchObject([{ Name: 'Chai', Active: true }]);
  });
});
