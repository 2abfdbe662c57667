import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { createEmulator } from 'emulate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TransactionFields } from '../../records/transactions.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import { createStripeAdapter } from '../../providers/stripe/adapter.ts';
import { Secret } from '../../vault/secret.ts';
import { aKey, allTime, changing, writerOf } from './bench.ts';
import { aRecord, samplesOf } from './records.ts';

interface StandIn {
  readonly apiUrl: string;
  readonly secretKey: string;
  readonly close: () => Promise<unknown>;
}

type Ask = (path: string, params: Readonly<Record<string, string>>) => Promise<{ readonly id: string }>;

/**
 * Third-party stand-ins for Stripe. Our adapter must handle whatever they support. What each lacks is listed, so that a
 * version that supports more is noticed. None of them expands `default_price`, so no product is read from them;
 * emulate's charges do not say what was captured.
 */
const STAND_INS: readonly {
  readonly name: string;
  readonly start: () => Promise<StandIn>;
  readonly lists: readonly string[];
  readonly lacks: readonly string[];
  readonly keepsKeys: boolean;
  readonly charge: (ask: Ask) => Promise<{ readonly id: string }>;
}[] = [
  {
    name: 'stripe-stateful-mock',
    start: startStatefulMock,
    lists: ['customers', 'charges', 'refunds'],
    lacks: [
      'account',
      'count',
      'archive',
      'products',
      'payment_intents',
      'disputes',
      'balance_transactions',
      'invoices',
      'events',
    ],
    keepsKeys: true,
    charge: (ask) => ask('charges', { amount: '1000', currency: 'usd', source: 'tok_visa' }),
  },
  {
    name: 'emulate',
    start: startEmulate,
    lists: ['customers', 'payment_intents'],
    lacks: [
      'account',
      'count',
      'products',
      'charges',
      'refunds',
      'disputes',
      'balance_transactions',
      'invoices',
      'events',
    ],
    // Creates two objects when it gets one request twice under the same key.
    keepsKeys: false,
    charge: async (ask) =>
      ask(`payment_intents/${(await ask('payment_intents', { amount: '1000', currency: 'usd' })).id}/confirm`, {
        payment_method: 'pm_card_visa',
      }),
  },
];

async function startStatefulMock(): Promise<StandIn> {
  const require = createRequire(import.meta.url);
  const { createExpressApp } = require('stripe-stateful-mock') as { readonly createExpressApp: () => RequestListener };
  // It would otherwise print the bodies of the calls.
  (createRequire(require.resolve('stripe-stateful-mock'))('loglevel') as { setLevel(level: string): void }).setLevel(
    'silent',
  );
  const server = createServer(createExpressApp());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    secretKey: 'sk_test_statefulMock',
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

async function startEmulate(): Promise<StandIn> {
  const port = await aFreePort();
  const emulator = await createEmulator({ service: 'stripe', port });
  return { apiUrl: `http://127.0.0.1:${port}`, secretKey: 'sk_test_emulated', close: () => emulator.close() };
}

async function aFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe.each(STAND_INS)('the adapter of stripe with $name', ({ start, lists, lacks, keepsKeys, charge }) => {
  let standIn: StandIn;
  let adapter: ReturnType<typeof createStripeAdapter>;
  beforeAll(async () => {
    standIn = await start();
    adapter = createStripeAdapter({ apiUrl: standIn.apiUrl });
  });
  afterAll(() => standIn.close());

  const session = () => adapter.open({ secretKey: new Secret(standIn.secretKey), call: (request) => request() });
  const customers = () => session().resource('customers');
  const { full, renamed } = samplesOf('customers');
  const map = (record: ReturnType<typeof aRecord>) => adapter.mapping('customers').toPayload(record);
  const ask: Ask = async (path, params) => {
    const response = await fetch(`${standIn.apiUrl}/v1/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${standIn.secretKey}` },
      body: new URLSearchParams(params),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as { readonly id: string };
  };
  const readPage = (stream: string) =>
    session()
      .resource(stream === 'customers' ? 'customers' : 'transactions')
      .listPage({ ...allTime(), stream });
  const read = async (stream: string) => (await readPage(stream)).records;
  /** Reads a whole list. A list with unreadable objects does not count as readable. */
  async function readWhole(stream: string): Promise<void> {
    const { records, rejections = [] } = await readPage(stream);
    if (records.length === 0 && rejections.length > 0)
      throw new ProviderError({ provider: 'stripe', kind: 'unexpected-response' });
  }

  it('creates a customer, updates it and reads it back', async () => {
    const record = aRecord(full);
    const remote = await writerOf(customers()).create(map(record), aKey());
    expect(remote).toMatchObject({
      recordId: record.id,
      fields: { email: 'ada@example.com', metadata: { tier: 'gold' }, marketingConsent: true },
    });
    const updated = await writerOf(customers()).update(
      remote.externalId,
      map({ ...record, fields: renamed(full) }),
      changing(remote),
    );
    expect(updated).toMatchObject({ externalId: remote.externalId, fields: { name: 'Renamed' } });
    expect(await customers().retrieve(remote.externalId)).toMatchObject({
      recordId: record.id,
      fields: { name: 'Renamed' },
    });
    expect(await customers().retrieve(`${remote.externalId}x`)).toBeNull();
    expect(
      await writerOf(customers()).findRemote({
        ...{ recordId: record.id, fields: record.fields, email: null },
        ...{ createdSinceEpochS: 0, after: null },
      }),
    ).toMatchObject({ found: { externalId: remote.externalId } });
  });

  it.runIf(keepsKeys)('creates once under one key, and rejects a key reused with other content', async () => {
    const [record, key] = [aRecord(full), aKey()];
    const first = await writerOf(customers()).create(map(record), key);
    expect(await writerOf(customers()).create(map(record), key)).toMatchObject({ externalId: first.externalId });
    await expect(writerOf(customers()).create(map(aRecord(full)), key)).rejects.toMatchObject({
      details: { kind: 'conflict' },
    });
  });

  it.each(lists)('reads its list of %s', async (list) => {
    await readable(list);
    const records = await read(list);
    expect(records.length).toBeGreaterThan(0);
    expect(records.every(({ deleted, fields }) => deleted === (fields === null))).toBe(true);
    if (list === 'customers') return;
    for (const record of records)
      expect(record.fields as TransactionFields).toMatchObject({
        amountMinor: list === 'refunds' ? -400 : 1_000,
        currency: 'USD',
        status: expect.stringMatching(/succeeded|pending/) as string,
      });
  });

  /** Creates an object of the list where the stand-in allows it. */
  async function readable(list: string): Promise<void> {
    if (list === 'customers') await ask('customers', { email: 'grace@example.com' });
    if (list === 'payment_intents') await ask('payment_intents', { amount: '1000', currency: 'usd' });
    if (list === 'charges') await charge(ask);
    if (list === 'refunds') await ask('refunds', { charge: (await charge(ask)).id, amount: '400' });
  }

  it('lacks exactly what is listed', async () => {
    await charge(ask);
    const everyList = [
      'customers',
      'products',
      'charges',
      'refunds',
      'payment_intents',
      'disputes',
      'balance_transactions',
      'invoices',
      'events',
    ];
    const record = aRecord(full);
    const remote = await writerOf(customers()).create(map(record), aKey());
    const abilities: Readonly<Record<string, () => Promise<unknown>>> = {
      account: () => session().account(),
      count: () => customers().count(),
      archive: () => writerOf(customers()).archive(remote.externalId, aKey()),
      ...Object.fromEntries(
        everyList.map((list) => [list, () => (list === 'products' ? aProduct() : readWhole(list))]),
      ),
    };
    const lacking: string[] = [];
    for (const [ability, use] of Object.entries(abilities)) {
      await use().catch((error: unknown) => {
        expect(error).toBeInstanceOf(ProviderError);
        lacking.push(ability);
      });
    }
    expect(lacking.sort()).toEqual([...lacks].sort());
  });
  const aProduct = () =>
    writerOf(session().resource('products')).create(
      adapter.mapping('products').toPayload(aRecord(samplesOf('products').full)),
      aKey(),
    );
});
