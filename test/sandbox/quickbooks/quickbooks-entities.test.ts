import { describe, expect, it } from 'vitest';
import type { QuickBooksCompany } from '../../support/sandbox/quickbooks-company.ts';
import { aQuickBooks, queryPath, refusalOf } from './quickbooks-support.ts';

interface Customer {
  readonly Id: string;
  readonly SyncToken: string;
  readonly DisplayName: string;
  readonly Active: boolean;
  readonly [name: string]: unknown;
}
interface Answer {
  readonly Customer: Customer;
}

const written = async (company: QuickBooksCompany, path: string, body: object) =>
  (await company.write(path, body)) as unknown as Answer;

const responsesIn = (body: Readonly<Record<string, unknown>>) =>
  (body['CDCResponse'] as readonly { readonly QueryResponse: readonly { readonly maxResults?: number }[] }[])[0]
    ?.QueryResponse ?? [];

const INVALID = { status: 400, type: 'ValidationFault' };

describe('a name at the stand-in QuickBooks', () => {
  it('is refused when a customer, a vendor or an employee has it, in any case', async () => {
    const { company } = await aQuickBooks();
    await company.write('vendor', { DisplayName: 'Amy’s Birds' });
    for (const name of ['Amy’s Birds', 'amy’s BIRDS'])
      expect(await refusalOf(company.ask('POST', 'customer', { DisplayName: name }))).toEqual({
        ...INVALID,
        code: '6240',
        message: 'Duplicate Name Exists Error',
      });
    expect(await company.objects('Customer')).toEqual([]);
  });

  it('is refused when it is missing, or has a colon, a tab or a line break', async () => {
    const { company } = await aQuickBooks();
    expect(await refusalOf(company.ask('POST', 'customer', {}))).toMatchObject({ ...INVALID, code: '2020' });
    for (const name of ['a:b', 'a\tb', 'a\nb', 'x'.repeat(501)])
      expect(await refusalOf(company.ask('POST', 'customer', { DisplayName: name }))).toMatchObject(INVALID);
  });

  it('is free again once its customer is inactive, whose name then says so', async () => {
    const { company } = await aQuickBooks();
    const { Customer: first } = await written(company, 'customer', { DisplayName: 'Ada' });
    const { Customer: ended } = await written(company, 'customer', {
      ...{ Id: first.Id, SyncToken: '0', sparse: true, Active: false },
    });
    expect(ended).toMatchObject({ DisplayName: 'Ada (deleted)', Active: false, SyncToken: '1' });
    await company.write('customer', { DisplayName: 'Ada' });
    const query = async (text: string) => (await company.ask('GET', queryPath(text))).body['QueryResponse'];
    expect(await query('select count(*) from Customer')).toEqual({ totalCount: 1 });
    expect(await query('select count(*) from Customer where Active in (true, false)')).toEqual({
      totalCount: 2,
    });
  });
});

describe('an update at the stand-in QuickBooks', () => {
  it('is refused with a stale SyncToken, without one, and for an unknown or inactive object', async () => {
    const { company } = await aQuickBooks();
    const { Customer: customer } = await written(company, 'customer', { DisplayName: 'Ada' });
    const update = (body: object) =>
      refusalOf(company.ask('POST', 'customer', { Id: customer.Id, sparse: true, ...body }));
    await company.write('customer', { Id: customer.Id, SyncToken: '0', sparse: true, Notes: 'one' });
    expect(await update({ SyncToken: '0', Notes: 'two' })).toMatchObject({ ...INVALID, code: '5010' });
    expect(await update({ Notes: 'two' })).toMatchObject({ ...INVALID, code: '2020' });
    expect(await update({ Id: '999', SyncToken: '0' })).toMatchObject({ ...INVALID, code: '610' });
    await company.write('customer', { Id: customer.Id, SyncToken: '1', sparse: true, Active: false });
    expect(await update({ SyncToken: '2', Notes: 'two' })).toMatchObject({ ...INVALID, code: '610' });
  });

  it('changes only what it has when it is sparse, and clears the rest when it is not', async () => {
    const { company } = await aQuickBooks();
    const { Customer: customer } = await written(company, 'customer', {
      DisplayName: 'Ada',
      Notes: 'of the harbour',
      PrimaryEmailAddr: { Address: 'ada@example.com' },
    });
    const sparse = await written(company, 'customer', {
      ...{ Id: customer.Id, SyncToken: '0', sparse: true, DisplayName: 'Ada L.' },
    });
    expect(sparse.Customer).toMatchObject({ Notes: 'of the harbour', DisplayName: 'Ada L.' });
    const cleared = await written(company, 'customer', {
      ...{ Id: customer.Id, SyncToken: '1', sparse: true, PrimaryEmailAddr: { Address: '' } },
    });
    expect(cleared.Customer['PrimaryEmailAddr']).toBeUndefined();
    const full = await written(company, 'customer', { Id: customer.Id, SyncToken: '2', DisplayName: 'Ada' });
    expect(full.Customer['Notes']).toBeUndefined();
  });

  it('is written down where it has side effects: stock, past transactions, freed credits, nothing', async () => {
    const { company } = await aQuickBooks();
    await company.seed('Item', 1);
    await company.seed('Payment', 1);
    const payment = (await company.objects<Customer>('Payment'))[0];
    await company.write('item', { Id: '1', SyncToken: '0', sparse: true, QtyOnHand: 0 });
    await company.write('item', { Id: '1', SyncToken: '1', sparse: true, IncomeAccountRef: { value: '3' } });
    await company.write('payment', { Id: payment?.Id, SyncToken: '0', sparse: true, Line: [] });
    const effects = await company.objects<{ readonly kind: string }>('side-effects');
    expect(effects.map(({ kind }) => kind)).toEqual([
      'stock-adjustment',
      'write-without-change',
      'past-transactions-rewritten',
      'credits-freed',
      'write-without-change',
    ]);
  });

  it('answers countries with three letters and no coordinates', async () => {
    const { company } = await aQuickBooks();
    const { Customer: customer } = await written(company, 'customer', {
      DisplayName: 'Ada',
      BillAddr: { Line1: '1 High Street', Country: 'Germany', Lat: '1', Long: '2' },
    });
    expect(customer['BillAddr']).toEqual({
      Id: expect.any(String) as string,
      Line1: '1 High Street',
      Country: 'DEU',
    });
  });
});

describe('a request at the stand-in QuickBooks', () => {
  it('is answered again under its requestid, whatever it says by then', async () => {
    const { company, control } = await aQuickBooks();
    const first = await written(company, 'customer?requestid=r-1', { DisplayName: 'Ada' });
    const second = await written(company, 'customer?requestid=r-1', { DisplayName: 'Somebody else' });
    expect(second.Customer).toEqual(first.Customer);
    expect(await company.objects('Customer')).toHaveLength(1);
    await control.send('POST', '/forget-idempotency-keys', { account: company.id });
    await company.write('customer?requestid=r-1', { DisplayName: 'Somebody else' });
    expect(await company.objects('Customer')).toHaveLength(2);
  });

  it('is refused for a property that the entity does not have, as recorded', async () => {
    const { company } = await aQuickBooks();
    expect(await refusalOf(company.ask('POST', 'invoice', { BadJson: true }))).toEqual({
      ...INVALID,
      code: '2010',
      message: 'Request has invalid or unsupported property',
    });
  });

  it('is refused for an e-mail address that is none', async () => {
    const { company } = await aQuickBooks();
    const body = { DisplayName: 'Ada', PrimaryEmailAddr: { Address: 'nobody' } };
    expect(await refusalOf(company.ask('POST', 'customer', body))).toMatchObject({ ...INVALID, code: '2210' });
  });

  it('takes 30 items in a batch and no more, and a fault of one is its answer alone', async () => {
    const { company } = await aQuickBooks();
    const item = (index: number, name = `Customer ${index}`) => ({
      ...{ bId: `b${index}`, operation: 'create', Customer: { DisplayName: name } },
    });
    const batch = async (items: readonly object[], key = '') => {
      const { status, body } = await company.ask('POST', `batch${key}`, { BatchItemRequest: items });
      return { status, outcomes: (body['BatchItemResponse'] ?? []) as readonly object[] };
    };
    const items = Array.from({ length: 30 }, (_, index) => item(index, index === 7 ? 'Customer 3' : undefined));
    const { status, outcomes } = await batch(items, '?requestid=b-1');
    expect(status).toBe(200);
    expect(outcomes[7]).toMatchObject({ bId: 'b7', Fault: { Error: [{ code: '6240' }] } });
    expect(outcomes[8]).toMatchObject({ bId: 'b8', Customer: { DisplayName: 'Customer 8' } });
    expect(await company.objects('Customer')).toHaveLength(29);
    expect((await batch(items, '?requestid=b-1')).outcomes).toEqual(outcomes);
    expect(await company.objects('Customer')).toHaveLength(29);
    expect((await batch([...items, item(30)])).status).toBe(400);
    expect((await batch(items, `?requestid=${'x'.repeat(37)}`)).status).toBe(400);
    expect((await batch([{ ...item(1), bId: 'x'.repeat(11) }], '?requestid=b-2')).status).toBe(400);
  });
});

describe('change data capture at the stand-in QuickBooks', () => {
  it('tells what changed, was deactivated and was deleted, of the entities that are asked for', async () => {
    const { company } = await aQuickBooks();
    await company.write('customer', { DisplayName: 'Ada' });
    const { Customer: second } = await written(company, 'customer', { DisplayName: 'Bea' });
    await company.write('customer', { Id: second.Id, SyncToken: '0', sparse: true, Active: false });
    const [payment] = await company.seed('Payment', 1);
    const item = await company.objects<Customer>('Payment');
    await company.write('payment?operation=delete', { Id: payment, SyncToken: item[0]?.SyncToken });
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const { body } = await company.ask('GET', `cdc?entities=Customer,Payment,Item&changedSince=${since}`);
    expect(responsesIn(body)).toMatchObject([
      { Customer: [{ DisplayName: 'Ada' }, { DisplayName: 'Bea (deleted)', Active: false }], maxResults: 2 },
      { Payment: [{ Id: payment, status: 'Deleted', domain: 'QBO' }] },
      {},
    ]);
  });

  it('answers 1,000 objects over all entities, and refuses to look back more than 30 days', async () => {
    const { company } = await aQuickBooks();
    await company.seed('Customer', 900);
    await company.seed('Item', 900);
    const changed = (since: number) =>
      company.ask('GET', `cdc?entities=Customer,Item&changedSince=${new Date(since).toISOString()}`);
    const { body } = await changed(Date.now() - 2 * 86_400_000);
    expect(responsesIn(body).map(({ maxResults }) => maxResults)).toEqual([900, 100]);
    expect((await changed(Date.now() - 31 * 86_400_000)).status).toBe(400);
  });
});

describe('the limits of the stand-in QuickBooks', () => {
  it.each([
    ['json', 429, '"code":"3001"'],
    ['xml', 403, '<Error code="3001">'],
    ['text', 429, 'errorCode=003001'],
  ] as const)(
    'refuse the request above a minute’s number with a body of %s and %i',
    async (throttleBody, throttleStatus, told) => {
      const { company, control, apiUrl } = await aQuickBooks();
      await control.limits({ requestsPerMinute: 2, throttleBody, throttleStatus });
      const ask = () =>
        fetch(`${apiUrl}/v3/company/${company.id}/${queryPath('select * from Customer')}`, {
          headers: { authorization: `Bearer ${company.token}`, accept: 'application/json' },
        });
      expect([(await ask()).status, (await ask()).status]).toEqual([200, 200]);
      const refused = await ask();
      expect(refused.status).toBe(throttleStatus);
      expect(await refused.text()).toContain(told);
      await control.clock(61_000);
      expect((await ask()).status).toBe(200);
    },
  );

  it('meter reads by the month and let writes pass', async () => {
    const { company, control } = await aQuickBooks();
    await control.limits({ readsPerMonth: 1 });
    const read = () => company.ask('GET', queryPath('select * from Customer'));
    expect([(await read()).status, (await read()).status]).toEqual([200, 429]);
    await company.write('customer', { DisplayName: 'Ada' });
    expect(await control.metering()).toMatchObject({ corePlus: 1, core: 1 });
  });
});
