import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import type { QuickBooks as Client } from 'node-quickbooks';
import { aQuickBooks } from './quickbooks-support.ts';

// Its typings name an export that the package, which is CommonJS, has as the module itself.
const QuickBooks = createRequire(import.meta.url)('node-quickbooks') as typeof Client;

type WireObject = Readonly<Record<string, unknown>>;
interface Ref {
  readonly Id: string;
  readonly SyncToken: string;
}

/** A stand-in QuickBooks with the community's client: Intuit has none for records. */
async function aClient() {
  const quickbooks = await aQuickBooks();
  const { apiUrl, company, clientId, clientSecret } = quickbooks;
  const client = new QuickBooks(clientId, clientSecret, company.token, '', company.id, true, false, '75', '2.0');
  return { ...quickbooks, client: Object.assign(client, { endpoint: `${apiUrl}/v3/company/` }) };
}

type Callback = (error: unknown, data?: unknown) => void;

/** What a call of the client answers. Throws the body of a refusal. */
const answer = <Data = WireObject & Ref>(call: (callback: Callback) => void): Promise<Data> =>
  new Promise((resolve, reject) => {
    call((error, data) => {
      if (error) reject(new Refused(error));
      else resolve(data as Data);
    });
  });

interface Fault {
  readonly Fault: {
    readonly type: string;
    readonly Error: readonly { readonly code: string; readonly Message: string; readonly Detail: string }[];
  };
}
/** The fault of a 200 itself, or what the HTTP client has of any other answer. */
type ClientError = Partial<Fault> & { readonly message?: string; readonly response?: { readonly data: unknown } };
class Refused extends Error {
  readonly fault: Partial<Fault['Fault']>;
  constructor(error: ClientError) {
    super(JSON.stringify(error.response?.data ?? error));
    this.fault = ((error.response?.data as Partial<Fault> | undefined) ?? error).Fault ?? {};
  }
}
const refusalOf = async (call: (callback: Callback) => void) => {
  const error: unknown = await answer(call).catch((thrown: unknown) => thrown);
  if (!(error instanceof Refused)) throw new Error('the request was not refused');
  return { type: error.fault.type, code: error.fault.Error?.[0]?.code };
};

interface Queried {
  readonly QueryResponse: {
    readonly [entity: string]: unknown;
    readonly Customer?: readonly (WireObject & Ref)[];
    readonly maxResults?: number;
    readonly totalCount?: number;
  };
}

describe('node-quickbooks at the stand-in QuickBooks', () => {
  it('creates, reads, and updates sparsely with the token that it has read', async () => {
    const { client } = await aClient();
    const ada = await answer((done) => {
      client.createCustomer({ DisplayName: 'Ada', PrimaryPhone: { FreeFormNumber: '1' } }, done);
    });
    expect(ada).toMatchObject({ DisplayName: 'Ada', SyncToken: '0' });
    const changed = await answer((done) => {
      client.updateCustomer({ ...{ Id: ada.Id, SyncToken: ada.SyncToken }, DisplayName: 'Ada L.' }, done);
    });
    expect(changed).toMatchObject({ DisplayName: 'Ada L.', PrimaryPhone: { FreeFormNumber: '1' }, SyncToken: '1' });
    expect(
      await answer((done) => {
        client.getCustomer(ada.Id, done);
      }),
    ).toMatchObject({ DisplayName: 'Ada L.' });
    const stale = (done: Callback) => {
      client.updateCustomer({ Id: ada.Id, SyncToken: '0', DisplayName: 'Eve' }, done);
    };
    expect(await refusalOf(stale)).toEqual({ type: 'ValidationFault', code: '5010' });
  });

  it('is told of a name that is taken, also for another kind of name, and of an object that is not there', async () => {
    const { client } = await aClient();
    await answer((done) => {
      client.createVendor({ DisplayName: 'Amy' }, done);
    });
    const twice = (done: Callback) => {
      client.createCustomer({ DisplayName: 'amy' }, done);
    };
    expect(await refusalOf(twice)).toEqual({ type: 'ValidationFault', code: '6240' });
    expect(
      await refusalOf((done) => {
        client.getCustomer('999', done);
      }),
    ).toMatchObject({ code: '610' });
  });

  it('queries by names with quotes, counts, orders, and reads all pages', async () => {
    const { client, company } = await aClient();
    await company.seed('Customer', 5);
    for (const DisplayName of ["O'Hara & Sons", 'Fifty % + 1 #2', 'Inactive'])
      await company.write('customer', { DisplayName });
    const find = (criteria: object) =>
      answer<Queried>((done) => {
        client.findCustomers(criteria, done);
      });
    for (const name of ["O'Hara & Sons", 'Fifty % + 1 #2']) {
      const { QueryResponse: found } = await find({ DisplayName: name });
      expect(found.Customer).toMatchObject([{ DisplayName: name }]);
    }
    const inactive = (await find({ DisplayName: 'Inactive' })).QueryResponse.Customer?.[0];
    await answer((done) => {
      client.updateCustomer({ Id: inactive?.Id ?? '', SyncToken: inactive?.SyncToken ?? '', Active: false }, done);
    });
    expect((await find({ count: true })).QueryResponse.totalCount).toBe(7);
    const all = (await find({ fetchAll: true, limit: 3, asc: 'DisplayName' })).QueryResponse;
    expect(all.maxResults).toBe(7);
    const names = (all.Customer ?? []).map(({ DisplayName }) => String(DisplayName));
    expect(names).toHaveLength(7);
    expect(names).toEqual(names.toSorted((one, other) => one.localeCompare(other, 'en', { sensitivity: 'base' })));
    const both = await find([{ field: 'Active', value: [true, false], operator: 'IN' }]);
    expect(both.QueryResponse.Customer).toHaveLength(8);
    expect(
      await refusalOf((done) => {
        client.findCustomers({ Colour: 'red' }, done);
      }),
    ).toEqual({
      ...{ type: 'ValidationFault', code: '4001' },
    });
  });

  it('writes and asks by one batch, in which a fault holds up no other item', async () => {
    const { client } = await aClient();
    const create = (bId: string, DisplayName: string) => ({
      bId,
      operation: 'create' as const,
      Customer: { DisplayName },
    });
    const { BatchItemResponse: items } = await answer<{ BatchItemResponse: readonly WireObject[] }>((done) => {
      client.batch(
        [
          create('1', 'Ada'),
          create('2', 'ada'),
          create('3', 'Bo'),
          { bId: '4', operation: 'query', Query: 'select * from Customer' },
        ],
        done,
      );
    });
    expect(items).toMatchObject([
      { bId: '1', Customer: { DisplayName: 'Ada' } },
      { bId: '2', Fault: { type: 'ValidationFault', Error: [{ code: '6240' }] } },
      { bId: '3', Customer: { DisplayName: 'Bo' } },
      { bId: '4', QueryResponse: { Customer: [{ DisplayName: 'Ada' }, { DisplayName: 'Bo' }] } },
    ]);
  });

  it('answers a repeated request id as before', async () => {
    const { client, company } = await aClient();
    const create = () =>
      answer((done) => {
        client.createCustomer({ DisplayName: 'Ada', requestId: 'once' }, done);
      });
    expect((await create()).Id).toBe((await create()).Id);
    expect(await company.objects('Customer')).toHaveLength(1);
  });

  it('is told what has changed since, with what was deleted', async () => {
    const { client, company, control } = await aClient();
    await company.seed('Customer', 2);
    const invoice = await anInvoice(client, company);
    await control.clock(60_000);
    // As text, because the library leaves the + of a time zone east of UTC bare, which is a space in a query.
    const since = new Date(Date.now() + 30_000).toISOString();
    const [customer] = await company.objects<WireObject & Ref>('Customer');
    await answer((done) => {
      client.updateCustomer({ Id: customer?.Id ?? '', SyncToken: customer?.SyncToken ?? '', Notes: 'new' }, done);
    });
    await answer((done) => {
      client.deleteInvoice({ Id: invoice.Id, SyncToken: invoice.SyncToken }, done);
    });
    const { CDCResponse: answered } = await answer<{ CDCResponse: readonly { QueryResponse: readonly object[] }[] }>(
      (done) => {
        client.changeDataCapture(['Customer', 'Invoice'], since, done);
      },
    );
    expect(answered[0]?.QueryResponse).toMatchObject([
      { Customer: [{ Id: customer?.Id, Notes: 'new' }] },
      { Invoice: [{ Id: invoice.Id, status: 'Deleted' }] },
    ]);
  });

  it('books an invoice, and voids another', async () => {
    const { client, company } = await aClient();
    const invoice = await anInvoice(client, company);
    expect(invoice).toMatchObject({
      TotalAmt: 100,
      Balance: 100,
      Line: [{ Id: '1' }, { DetailType: 'SubTotalLineDetail' }],
    });
    const other = await anInvoice(client, company);
    const voided = await answer((done) => {
      client.voidInvoice({ Id: other.Id, SyncToken: other.SyncToken }, done);
    });
    expect(voided).toMatchObject({
      Invoice: { TotalAmt: 0, Balance: 0, PrivateNote: expect.stringMatching(/void/i) as string },
    });
  });

  it('reads a report', async () => {
    const { client } = await aClient();
    const report = await answer<WireObject>((done) => {
      client.reportProfitAndLoss({ start_date: '2026-01-01', end_date: '2026-03-31' }, done);
    });
    expect(report).toMatchObject({ Header: { ReportName: 'ProfitAndLoss', StartPeriod: '2026-01-01' } });
  });
});

async function anInvoice(client: Client, company: Awaited<ReturnType<typeof aQuickBooks>>['company']) {
  const [itemId = ''] = await company.seed('Item', 1);
  const [customerId = ''] = await company.seed('Customer', 1);
  return answer((done) => {
    client.createInvoice(
      {
        CustomerRef: { value: customerId },
        Line: [
          {
            ...{ Amount: 100, DetailType: 'SalesItemLineDetail' },
            SalesItemLineDetail: { ItemRef: { value: itemId }, Qty: 2, UnitPrice: 50 },
          },
        ],
      },
      done,
    );
  });
}
