import { existsSync, readFileSync } from 'node:fs';
import { WebhooksHelper } from 'square';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startSquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import type { SquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import { squareSandboxControl } from '../../support/sandbox/square-merchant.ts';
import type { SquareMerchant } from '../../support/sandbox/square-merchant.ts';
import { startWebhookReceiver } from '../../support/webhook-receiver.ts';
import type { WebhookReceiver } from '../../support/webhook-receiver.ts';

type WireObject = Readonly<Record<string, unknown>>;
interface Event {
  readonly type: string;
  readonly merchant_id: string;
  readonly event_id: string;
  readonly data: { readonly type: string; readonly id: string; readonly object: Readonly<Record<string, unknown>> };
}

const SAMPLES = new URL('../../../../shared/samples/square-webhook-events/', import.meta.url);
const SCOPES = ['CUSTOMERS_READ', 'ITEMS_READ', 'INVENTORY_READ', 'PAYMENTS_READ', 'DISPUTES_READ', 'ORDERS_READ'];
const ALL_SCOPES = [...SCOPES, 'INVOICES_READ', 'LOYALTY_READ'].join(' ');
const AT = '2026-11-01T10:00:00.000Z';

let square: SquareSandbox;
let control: ReturnType<typeof squareSandboxControl>;
let receiver: WebhookReceiver;
let merchant: SquareMerchant;

beforeAll(async () => {
  receiver = await startWebhookReceiver();
  square = await startSquareSandbox({ webhookUrl: receiver.url });
  control = squareSandboxControl(square);
});
afterAll(async () => {
  await square.close();
  await receiver.close();
});
beforeEach(async () => {
  await control.send('POST', '/webhooks', { url: receiver.url });
  merchant = await authorised(ALL_SCOPES);
});

/** A merchant who has given our application these permissions. */
async function authorised(scopes: string): Promise<SquareMerchant> {
  const added = await control.addMerchant();
  await control.tokenFor(added.id, scopes);
  return added;
}

const received = (of = merchant): readonly Event[] =>
  receiver.received.map(({ body }) => body as unknown as Event).filter(({ merchant_id: id }) => id === of.id);
/** The merchant's events by type, once there are as many. Several are sent at once, so their order says nothing. */
async function types(count: number): Promise<readonly string[]> {
  await expect.poll(() => received().length).toBe(count);
  return received()
    .map(({ type }) => type)
    .sort();
}
const put = (kind: string, ...objects: readonly (WireObject & { readonly id: string })[]) =>
  merchant.put(kind, objects);

const payment = (more: WireObject = {}) => ({
  id: 'pay-1',
  status: 'APPROVED',
  created_at: AT,
  updated_at: AT,
  ...more,
});
const dispute = (more: WireObject = {}) => ({ id: 'dis-1', location_id: 'L1', state: 'EVIDENCE_REQUIRED', ...more });
const order = (more: WireObject = {}) => ({
  ...{ id: 'ord-1', location_id: 'L1', created_at: AT, state: 'OPEN', version: 1, total_money: { amount: 1 } },
  ...more,
});
const invoice = (more: WireObject = {}) => ({ id: 'inv-1', location_id: 'L1', status: 'DRAFT', version: 1, ...more });
const loyaltyAccount = (more: WireObject = {}) => ({ id: 'loy-1', customer_id: 'cus-1', balance: 10, ...more });

describe('a write to the stand-in Square', () => {
  it('publishes an event for each change of a customer through the API, with the customer in it', async () => {
    const { client } = merchant;
    const { customer } = await client.customers.create({ idempotencyKey: 'once', givenName: 'Ada' });
    await client.customers.create({ idempotencyKey: 'once', givenName: 'Ada' });
    const customerId = customer?.id ?? '';
    await client.customers.update({ customerId, familyName: 'Lovelace' });
    await client.customers.delete({ customerId });
    expect(await types(3)).toEqual(['customer.created', 'customer.deleted', 'customer.updated']);
    const told = Object.fromEntries(received().map(({ type, data }) => [type, data]));
    expect(told).toMatchObject({
      'customer.created': { type: 'customer', id: customerId, object: { customer: { given_name: 'Ada', version: 0 } } },
      'customer.updated': { id: customerId, object: { customer: { family_name: 'Lovelace', version: 1 } } },
      'customer.deleted': { id: customerId, deleted: true, object: { customer: { family_name: 'Lovelace' } } },
    });
    expect(new Set(received().map(({ event_id: id }) => id)).size).toBe(3);
  });

  it('names the merge in the events of the profiles that it deletes and of the one that it creates', async () => {
    const [one = '', other = '', third = ''] = await merchant.seed('customers', 3);
    const merged = await merchant.merge(one, other);
    await merchant.client.customers.delete({ customerId: third });
    await merchant.client.customers.delete({ customerId: merged });
    await types(5);
    const merge = { from_customer_ids: [one, other], to_customer_id: merged };
    const contexts = received().map(({ type, data }) => [type, data.id, data.object['event_context'] ?? null]);
    expect(new Set(contexts.map((told) => JSON.stringify(told)))).toEqual(
      new Set(
        [
          ['customer.created', merged, { merge }],
          ['customer.deleted', one, { merge }],
          ['customer.deleted', other, { merge }],
          ['customer.deleted', third, null],
          ['customer.deleted', merged, null],
        ].map((told) => JSON.stringify(told)),
      ),
    );
  });

  it('publishes one event for a step in the catalogue, and one for a change of stock', async () => {
    const { client, mainLocationId } = merchant;
    const made = await client.catalog.object.upsert({
      idempotencyKey: 'item',
      object: {
        type: 'ITEM',
        id: '#item',
        itemData: {
          name: 'Tea',
          variations: [{ type: 'ITEM_VARIATION', id: '#one', itemVariationData: { itemId: '#item', name: 'One' } }],
        },
      },
    });
    const idOf = (given: string) =>
      made.idMappings?.find(({ clientObjectId }) => clientObjectId === given)?.objectId ?? '';
    const variation = idOf('#one');
    await client.inventory.batchCreateChanges({
      idempotencyKey: 'count',
      changes: [
        {
          type: 'PHYSICAL_COUNT',
          physicalCount: {
            ...{ catalogObjectId: variation, locationId: mainLocationId, state: 'IN_STOCK', quantity: '7' },
            occurredAt: new Date().toISOString(),
          },
        },
      ],
    });
    await client.catalog.object.delete({ objectId: idOf('#item') });
    expect(await types(3)).toEqual(['catalog.version.updated', 'catalog.version.updated', 'inventory.count.updated']);
    const counted = received().find(({ type }) => type === 'inventory.count.updated');
    expect(counted?.data.object['inventory_counts']).toMatchObject([
      { catalog_object_id: variation, location_id: mainLocationId, state: 'IN_STOCK', quantity: '7' },
    ]);
  });

  it.each<[kind: string, steps: readonly (WireObject & { readonly id: string })[], types: readonly string[]]>([
    ['payments', [payment(), payment({ status: 'COMPLETED' })], ['payment.created', 'payment.updated']],
    ['refunds', [{ id: 'ref-1' }, { id: 'ref-1', status: 'COMPLETED' }], ['refund.created', 'refund.updated']],
    [
      'disputes',
      [dispute(), dispute({ evidence_ids: ['e-1'] }), dispute(), dispute({ state: 'WON' })],
      ['dispute.created', 'dispute.evidence.created', 'dispute.evidence.deleted', 'dispute.state.updated'],
    ],
    ['orders', [order(), order({ state: 'COMPLETED', version: 2 })], ['order.created', 'order.updated']],
    [
      'invoices',
      [
        invoice(),
        invoice({ title: 'Tea' }),
        ...['UNPAID', 'PARTIALLY_PAID', 'REFUNDED', 'CANCELED', 'FAILED'].map((status) => invoice({ status })),
      ],
      [...['canceled', 'created', 'payment_made', 'published', 'refunded', 'scheduled_charge_failed', 'updated']].map(
        (event) => `invoice.${event}`,
      ),
    ],
    [
      'loyalty-accounts',
      [loyaltyAccount(), loyaltyAccount({ balance: 20 })],
      ['loyalty.account.created', 'loyalty.account.updated'],
    ],
  ])('publishes an event for each change of %s by the control API', async (kind, steps, expected) => {
    for (const step of steps) await put(kind, step);
    expect(await types(expected.length)).toEqual(expected);
  });

  it('publishes nothing for what a seed has made in the past, and for a reset', async () => {
    for (const kind of ['customers', 'catalogue', 'counts', 'payments', 'invoices']) await merchant.seed(kind, 2);
    await control.send('POST', '/reset', { account: merchant.id });
    // A reset ends the merchant's grants too.
    await control.tokenFor(merchant.id, ALL_SCOPES);
    await merchant.client.customers.create({ givenName: 'Last' });
    expect(await types(1)).toEqual(['customer.created']);
  });
});

describe('an event of the stand-in Square', () => {
  it('is signed over the URL and the body, and verifies with Square’s own helper', async () => {
    await merchant.client.customers.create({ givenName: 'Ada' });
    await types(1);
    const { text, headers } = receiver.received.at(-1)!;
    const given = { signatureHeader: headers['x-square-hmacsha256-signature'] ?? '', requestBody: text };
    const verify = (notificationUrl: string) =>
      WebhooksHelper.verifySignature({ ...given, signatureKey: square.webhookSecret, notificationUrl });
    expect([await verify(receiver.url), await verify(`${receiver.url}/other`)]).toEqual([true, false]);
  });

  it('is sent again with the same body until it is taken, and says which attempt it is', async () => {
    receiver.answer({ status: 503 });
    await merchant.client.customers.create({ givenName: 'Ada' });
    await expect.poll(() => received().length).toBe(1);
    receiver.answer({ status: 200 });
    await expect.poll(() => received().length).toBe(2);
    const sent = receiver.received.slice(-2);
    expect(new Set(sent.map(({ text }) => text)).size).toBe(1);
    expect(sent.map(({ headers }) => [headers['square-retry-number'], headers['square-retry-reason']])).toEqual([
      [undefined, undefined],
      ['1', 'http_error'],
    ]);
    expect(sent[1]!.headers['square-initial-delivery-timestamp']).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it('is published only for merchants who have given the application the permission that it takes', async () => {
    const partly = await authorised('PAYMENTS_READ ORDERS_READ');
    const stranger = await control.addMerchant();
    for (const each of [partly, stranger]) await each.client.customers.create({ givenName: 'Ada' });
    await partly.put('payments', [payment()]);
    await control.send('POST', '/revoke', { account: merchant.id });
    await merchant.client.customers.create({ givenName: 'Ada' });
    await expect.poll(() => received(partly).map(({ type }) => type)).toEqual(['payment.created']);
    await expect.poll(() => received().map(({ type }) => type)).toEqual(['oauth.authorization.revoked']);
    expect(received(stranger)).toEqual([]);
  });

  it('is not published while no URL is registered', async () => {
    await control.send('POST', '/webhooks', { url: null });
    await merchant.client.customers.create({ givenName: 'Ada' });
    await control.send('POST', '/webhooks', { url: receiver.url });
    await merchant.client.customers.create({ givenName: 'Grace' });
    expect(await types(1)).toEqual(['customer.created']);
  });
});

/** The fields of an object, with the kind of value that each has. */
const shapeOf = (event: WireObject) =>
  Object.fromEntries(Object.entries(event).map(([field, value]) => [field, typeof value]));

const hasSamples = existsSync(SAMPLES);
if (!hasSamples) process.stderr.write('SKIPPED: Square’s samples of events are not next to this repository.\n');

describe.skipIf(!hasSamples)('has the shape of Square’s official example', () => {
  const sample = (name: string) => JSON.parse(readFileSync(new URL(`${name}.json`, SAMPLES), 'utf8')) as Event;
  const wanted: readonly [name: string, kind: string, before: boolean][] = [
    ['CustomerCreatedEvent', 'customers', false],
    ['CustomerUpdatedEvent', 'customers', true],
    ['LoyaltyAccountCreatedEvent', 'loyalty-accounts', false],
    ['LoyaltyAccountUpdatedEvent', 'loyalty-accounts', true],
    ['PaymentCreatedEvent', 'payments', false],
    ['PaymentUpdatedEvent', 'payments', true],
    ['RefundCreatedEvent', 'refunds', false],
    ['InvoicePublishedEvent', 'invoices', false],
    ['InvoiceUpdatedEvent', 'invoices', true],
  ];
  /** What the stand-in publishes when an example's object is stored, once more where an update is told. */
  async function published(type: string, kind: string, object: WireObject & { readonly id: string }, twice: boolean) {
    await put(kind, object);
    if (twice) await put(kind, object);
    await expect.poll(() => received().find((event) => event.type === type)).toBeDefined();
    return received().find((event) => event.type === type)!;
  }

  it.each(wanted)('%s', async (name, kind, twice) => {
    const { type, ...official } = sample(name);
    const [key = ''] = Object.keys(official.data.object);
    const object = official.data.object[key] as WireObject & { readonly id: string };
    const event = await published(type, kind, object, twice);
    expect(shapeOf(event as never)).toEqual(shapeOf({ type, ...official }));
    expect(event.data).toEqual({ ...official.data, id: object.id });
  });

  it.each(['CatalogVersionUpdatedEvent', 'InventoryCountUpdatedEvent'])('%s', async (name) => {
    const { type, ...official } = sample(name);
    if (name.startsWith('Catalog')) await merchant.put('catalogue', [{ id: 'c', updated_at: '2019-10-29T17:26:16Z' }]);
    else {
      const [count] = official.data.object['inventory_counts'] as readonly WireObject[];
      await put('counts', { ...count, id: 'one' });
    }
    await types(1);
    const [event] = received();
    expect(shapeOf(event as never)).toEqual(shapeOf({ type, ...official }));
    const parts = (of: Event | Omit<Event, 'type'>) => ({
      data: shapeOf(of.data),
      object: Object.entries(of.data.object).map(([key, value]) => [key, shapeOf([value].flat()[0] as WireObject)]),
    });
    expect(parts(event!)).toEqual(parts(official));
  });

  it.each([
    ['OrderCreatedEvent', 1],
    ['OrderUpdatedEvent', 2],
  ])('%s', async (name, times) => {
    const { type, ...official } = sample(name);
    const [key = ''] = Object.keys(official.data.object);
    const { order_id: id, ...summary } = official.data.object[key] as WireObject & { readonly order_id: string };
    for (let stored = 0; stored < times; stored += 1) await put('orders', { ...summary, id, line_items: [] });
    await types(times);
    const event = received().find((one) => one.type === type);
    expect(shapeOf(event as never)).toEqual(shapeOf({ type, ...official }));
    expect(event!.data).toEqual(official.data);
  });

  it('DisputeEvidenceCreatedEvent', async () => {
    const { type, ...official } = sample('DisputeEvidenceCreatedEvent');
    const object = official.data.object['dispute'] as WireObject & { readonly id: string };
    await put('disputes', object);
    await put('disputes', { ...object, evidence_ids: ['e-1'] });
    expect(await types(2)).toEqual(['dispute.created', type]);
    for (const event of received()) {
      expect(shapeOf(event as never)).toEqual(shapeOf({ type, ...official }));
      expect(event.data).toMatchObject({ type: 'dispute', id: object.id, object: { dispute: object } });
    }
  });

  it('CustomerDeletedEvent', async () => {
    const { type, ...official } = sample('CustomerDeletedEvent');
    const customer = official.data.object['customer'] as WireObject & { readonly id: string };
    await put('customers', customer);
    await merchant.client.customers.delete({ customerId: customer.id });
    await types(2);
    const event = received().find((one) => one.type === type);
    expect(shapeOf(event as never)).toEqual(shapeOf({ type, ...official }));
    expect(event!.data).toEqual(official.data);
  });
});
