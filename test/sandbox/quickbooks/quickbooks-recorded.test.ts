import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { aQuickBooks } from './quickbooks-support.ts';

/** Exchanges that were recorded with QuickBooks' own sandbox in 2020. */
const SAMPLES = new URL('../../../../shared/samples/quickbooks-exchanges/', import.meta.url);

interface Recorded {
  readonly http_interactions: readonly {
    readonly request: { readonly method: string; readonly uri: string; readonly body: { readonly string: string } };
    readonly response: { readonly status: { readonly code: number }; readonly body: { readonly string: string } };
  }[];
}

/** The exchanges of a recording, with their bodies read. */
const recorded = (name: string) =>
  (parse(readFileSync(new URL(`${name}.yml`, SAMPLES), 'utf8')) as Recorded).http_interactions.map(
    ({ request, response }) => ({
      path: pathOf(request.uri),
      sent: bodyOf(request.body.string || '{}'),
      status: response.status.code,
      told: bodyOf(response.body.string),
    }),
  );
/** The first exchange of a recording. */
function first(name: string) {
  const [exchange] = recorded(name);
  if (!exchange) throw new Error(`${name} has no exchange`);
  return exchange;
}

/** The part of an address behind the company, which recordings have masked or left out. */
const pathOf = (uri: string) => uri.replace(/^.*\/v3\/(?:company\/[^/]+\/)?/, '').replaceAll('estimate', 'invoice');

type Json = Readonly<Record<string, unknown>>;
const bodyOf = (text: string) => JSON.parse(text) as Json;

/** The names in an object, and in the objects of it. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shapeOf(member)]));
}

const customers = () =>
  recorded('all--customers').flatMap(({ told }) => {
    const { QueryResponse: page } = told as unknown as {
      readonly QueryResponse: { readonly Customer?: readonly (Json & { readonly Id: string })[] };
    };
    return page.Customer ?? [];
  });

interface Faulty {
  readonly Fault: {
    readonly type: string;
    readonly Error: readonly [{ readonly code: string; readonly Message: string }];
  };
}

describe.skipIf(!existsSync(SAMPLES))('the stand-in QuickBooks, asked as in recorded exchanges', () => {
  it('answers a query of all customers in the recorded order and shape', async () => {
    const { company } = await aQuickBooks();
    await company.put('Customer', customers());
    for (const { path, status, told } of recorded('all--customers')) {
      const answer = await company.ask('GET', path);
      expect(answer.status).toBe(status);
      expect({ ...answer.body, time: null }).toEqual({ ...told, time: null });
    }
  });

  it('answers one customer in the recorded shape', async () => {
    const { company } = await aQuickBooks();
    await company.put('Customer', customers());
    const { path, told } = first('get--id');
    const { body } = await company.ask('GET', path);
    // The recording of the list is from another minute.
    const names = Object.keys(told['Customer'] as Json).filter((name) => name !== 'DefaultTaxCodeRef');
    expect(Object.keys(body['Customer'] as Json)).toEqual(expect.arrayContaining(names));
  });

  it('creates a customer with what a recorded answer has, but for what a tax code and a delivery method say', async () => {
    const { company } = await aQuickBooks();
    const { path, sent, told } = first('create--customer');
    const { body, status } = await company.ask('POST', path, sent);
    const others = ['PreferredDeliveryMethod', 'DefaultTaxCodeRef', 'CurrencyRef'];
    const expected = Object.entries(shapeOf(told['Customer']) as Json).filter(([name]) => !others.includes(name));
    expect(status).toBe(200);
    expect(shapeOf(body['Customer'])).toMatchObject(Object.fromEntries(expected));
  });

  it('books an invoice with what a recorded answer has, but for what a company defines and coordinates', async () => {
    const { company } = await aQuickBooks();
    await company.write('customer', { DisplayName: 'Amy’s Bird Sanctuary' });
    await company.write('item', { Name: 'Services', Type: 'Service', IncomeAccountRef: { value: '1' } });
    const { path, sent, told } = first('create--invoice');
    const { body, status } = await company.ask('POST', path, sent);
    expect(status).toBe(200);
    const others = ['CustomField', 'BillAddr', 'ShipAddr', 'CurrencyRef'];
    const expected = Object.entries(shapeOf(told['Invoice']) as Json).filter(([name]) => !others.includes(name));
    expect(shapeOf(body['Invoice'])).toMatchObject(Object.fromEntries(expected));
    expect(body['Invoice']).toMatchObject({ TotalAmt: 100, Balance: 100, TxnTaxDetail: { TotalTax: 0 } });
    // The subtotal comes behind the lines.
    const typesOf = (answer: Json) =>
      ((answer['Invoice'] as Json)['Line'] as readonly Json[]).map(({ Id: id, DetailType: type }) => [id, type]);
    expect(typesOf(body)).toEqual(typesOf(told));
  });

  it('updates a customer as recorded', async () => {
    const { company } = await aQuickBooks();
    const [read, write] = recorded('update--customer');
    await company.put('Customer', [read?.told['Customer'] as Json & { readonly Id: string }]);
    const { body } = await company.ask('POST', write?.path ?? '', write?.sent);
    expect(body['Customer']).toMatchObject({
      SyncToken: '1',
      DisplayName: 'Jack Moe',
      FullyQualifiedName: 'Jack Moe',
      PrimaryPhone: { FreeFormNumber: '(415) 444-1234' },
    });
  });

  it.each(['error--validation', 'error--400_json'])('refuses what %s refuses, in the same words', async (name) => {
    const { company } = await aQuickBooks();
    await company.write('customer', { DisplayName: 'Weiskopf Consulting' });
    const { path, sent, status, told } = first(name);
    const answer = await company.ask('POST', path, sent);
    const [{ code, Message }] = (told as unknown as Faulty).Fault.Error;
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({
      Fault: { type: (told as unknown as Faulty).Fault.type, Error: [{ code, Message }] },
    });
  });

  it('runs the recorded batch: each item its own outcome', async () => {
    const { company } = await aQuickBooks();
    const times = { CreateTime: '2015-10-06T14:59:48-07:00', LastUpdatedTime: '2016-08-10T05:03:26-07:00' };
    await company.put('SalesReceipt', [
      { Id: '11', SyncToken: '1', TxnDate: '2015-10-04', TotalAmt: 337.5, Line: [], MetaData: times },
    ]);
    const { path, sent, told } = first('batch--basic');
    const { body } = await company.ask('POST', path, sent);
    const outcomes = (answer: Json) =>
      (answer['BatchItemResponse'] as readonly (Json & Partial<Faulty>)[]).map((item) => [
        item['bId'],
        item.Fault?.Error[0].code ?? Object.keys(item).find((name) => name !== 'bId'),
      ]);
    expect(outcomes(body)).toEqual(outcomes(told));
  });

  it('answers change data capture in the recorded shape', async () => {
    const { company } = await aQuickBooks();
    await company.seed('Invoice', 2);
    const since = new Date(Date.now() - 86_400_000).toISOString();
    const { body } = await company.ask('GET', `cdc?entities=invoice&changedSince=${since}`);
    const namesIn = (answer: Json) =>
      Object.keys(
        (answer['CDCResponse'] as readonly { readonly QueryResponse: readonly Json[] }[])[0]?.QueryResponse[0] ?? {},
      );
    const expected = namesIn(first('cdc--basic').told).map((name) => (name === 'Estimate' ? 'Invoice' : name));
    expect(namesIn(body)).toEqual(expect.arrayContaining(expected));
  });
});
