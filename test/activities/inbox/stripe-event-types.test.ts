import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import { CHANGE_EVENTS } from '../../../providers/stripe/event-changes.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import type { StripeEvent } from '../../support/stripe-event.ts';
import { comparableRecords } from '../../support/worlds/comparable-records.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

type Form = Readonly<Record<string, string>>;
type WireObject = Readonly<Record<string, unknown>> & { readonly id: string };

const RESOURCES: readonly Resource[] = ['customers', 'products', 'invoices', 'transactions'];
const OLD_VERSION = '2014-12-22';

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let inbox: EventWorld;
beforeAll(async () => {
  world = await createSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});

/** Lets the next change happen in a later second of Stripe's. */
let offsetMs = 0;
const later = () => world.stripe.clock((offsetMs += 2_000));
async function post<T extends WireObject = WireObject>(path: string, form: Form = {}): Promise<T> {
  await later();
  return world.callStripe<T>('POST', path, form);
}
async function remove(path: string): Promise<void> {
  await later();
  await world.callStripe('DELETE', path);
}
async function act(name: string, id: string): Promise<WireObject> {
  await later();
  const response = await fetch(`${world.sandbox.controlUrl}/acts`, {
    method: 'POST',
    body: JSON.stringify({ act: name, id }),
  });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${await response.text()}`);
  return (await response.json()) as WireObject;
}
const get = <T extends WireObject = WireObject>(path: string) => world.callStripe<T>('GET', path);

const intent = (form: Form = {}) =>
  post<WireObject & { readonly latest_charge: string }>('payment_intents', {
    ...{ amount: '10000', currency: 'usd', confirm: 'true', payment_method: 'pm_card_visa' },
    ...form,
  });
async function draftInvoice(): Promise<WireObject> {
  const { id: customer } = await post('customers', { name: 'Ada' });
  await post('invoiceitems', { customer, amount: '1500', currency: 'usd' });
  return post('invoices', { customer, pending_invoice_items_behavior: 'include' });
}
async function openInvoice(): Promise<WireObject> {
  const { id } = await draftInvoice();
  return post(`invoices/${id}/finalize`);
}
async function refund(form: Form = {}): Promise<WireObject> {
  const { latest_charge: charge } = await intent(form);
  return post('refunds', { charge, amount: '2500' });
}
async function dispute(): Promise<WireObject> {
  const { latest_charge: charge } = await intent();
  return act('open-dispute', charge);
}

/** What happens at Stripe. */
const SCENES: readonly (readonly [what: string, run: () => Promise<unknown>])[] = [
  [
    'a customer who is changed and deleted',
    async () => {
      const { id } = await post('customers', { name: 'Ada' });
      await post(`customers/${id}`, { name: 'Ada Lovelace' });
      await remove(`customers/${id}`);
    },
  ],
  [
    'a product whose price is changed',
    async () => {
      const { id } = await post('products', { name: 'Tea' });
      const { id: price } = await post('prices', { product: id, unit_amount: '350', currency: 'usd' });
      await post(`products/${id}`, { default_price: price });
      await post(`prices/${price}`, { nickname: 'Large' });
    },
  ],
  [
    'a product that is deleted',
    async () => {
      const { id } = await post('products', { name: 'Tea' });
      await post(`products/${id}`, { name: 'Green tea' });
      await remove(`products/${id}`);
    },
  ],
  ['a payment', () => intent()],
  [
    'a payment that is captured later, and one that is cancelled',
    async () => {
      const held = await intent({ capture_method: 'manual' });
      await post(`payment_intents/${held.id}/capture`, { amount_to_capture: '6000' });
      const released = await intent({ capture_method: 'manual' });
      await post(`payment_intents/${released.id}/cancel`);
    },
  ],
  [
    'a payment that is declined',
    () => expect(intent({ payment_method: 'pm_card_chargeDeclined' })).rejects.toThrow('402'),
  ],
  [
    'payments that take days, of which one arrives',
    async () => {
      const arriving = await intent({ payment_method: 'pm_usBankAccount' });
      const failing = await intent({ payment_method: 'pm_usBankAccount' });
      await act('payment-arrives', arriving.latest_charge);
      await act('payment-fails', failing.latest_charge);
    },
  ],
  ['a refund', () => refund()],
  [
    'a refund that fails',
    async () => {
      await act('fail-refund', (await refund()).id);
    },
  ],
  [
    'a refund that completes late',
    async () => {
      await act('complete-refund', (await refund({ payment_method: 'pm_card_pendingRefund' })).id);
    },
  ],
  [
    'a dispute that is won',
    async () => {
      await act('win-dispute', (await dispute()).id);
    },
  ],
  [
    'a dispute that is lost',
    async () => {
      await act('lose-dispute', (await dispute()).id);
    },
  ],
  [
    'an invoice that is sent and paid',
    async () => {
      const { id } = await draftInvoice();
      await post(`invoices/${id}`, { description: 'Thank you' });
      await post(`invoices/${id}/finalize`);
      await post(`invoices/${id}/pay`, { payment_method: 'pm_card_visa' });
    },
  ],
  [
    'an invoice whose payment is declined',
    async () => {
      const { id } = await openInvoice();
      await expect(post(`invoices/${id}/pay`, { payment_method: 'pm_card_chargeDeclined' })).rejects.toThrow('402');
    },
  ],
  [
    'an invoice that is given up',
    async () => {
      const { id } = await openInvoice();
      await post(`invoices/${id}/mark_uncollectible`);
    },
  ],
  [
    'an invoice that is voided',
    async () => {
      const { id } = await openInvoice();
      await post(`invoices/${id}/void`);
    },
  ],
  [
    'a draft invoice that is deleted',
    async () => {
      const { id } = await draftInvoice();
      await remove(`invoices/${id}`);
    },
  ],
];

/** A venue whose connection counts as having pulled everything, without a run and so without records. */
async function aPullingVenue(): Promise<TestVenue> {
  const venue = await world.aVenue();
  await inbox.countAsPulled(venue, ...RESOURCES);
  return venue;
}

async function deliver(venue: TestVenue, events: readonly StripeEvent[]): Promise<void> {
  const account = await inbox.accountOf(venue);
  for (const event of events)
    await inbox.post('stripe', { ...event, id: `${event.id}_${venue.connectionId}`, account });
}
/** Delivers the events and has all of them handled, one by one or together. */
async function handle(venue: TestVenue, events: readonly StripeEvent[], isOneByOne: boolean): Promise<void> {
  if (!isOneByOne) await deliver(venue, events);
  else
    for (const event of events) {
      await deliver(venue, [event]);
      await inbox.drain();
    }
  await inbox.drain();
}

const recordsIn = (venue: TestVenue) =>
  Promise.all(RESOURCES.map((resource) => comparableRecords(world.database.admin, venue, resource)));
/** The records that a full pull of the account stores. */
async function pulled() {
  const venue = await world.aVenue();
  for (const resource of RESOURCES) await world.sync(venue, 'pull', 'full', { resource });
  return recordsIn(venue);
}
/** What the stand-in has told of its objects, oldest first. */
const told = async (): Promise<readonly StripeEvent[]> =>
  (await world.callStripe<{ readonly data: readonly StripeEvent[] }>('GET', 'events?limit=100')).data.toReversed();
const unapplied = async (venue: TestVenue) =>
  (await inbox.events(venue)).filter(
    ({ type, state }) => state !== (CHANGE_EVENTS.includes(type) ? 'applied' : 'ignored'),
  );

type Order = (events: readonly StripeEvent[]) => readonly StripeEvent[];
const backwards: Order = (events) => events.toReversed();
const inOneSecond: Order = (events) => events.map((event) => ({ ...event, created: events[0]!.created })).toReversed();
const inOldVersion: Order = (events) => events.map((event) => ({ ...event, api_version: OLD_VERSION }));
const ORDERS: readonly (readonly [name: string, order: Order, isOneByOne: boolean])[] = [
  ['as they happened, one by one', (events) => events, true],
  ['in the opposite order, one by one', backwards, true],
  ['in the opposite order, together', backwards, false],
  ['each twice, together', (events) => [...events, ...events.toReversed()], false],
  ['in one second, one by one', inOneSecond, true],
  ['in one second, together', inOneSecond, false],
  ['in another API version, together', inOldVersion, false],
];

describe('events of Stripe', () => {
  it.each(SCENES)('make the records that a pull would make: %s', async (_, run) => {
    await world.stripe.reset();
    offsetMs = 0;
    await run();
    const events = await told();
    const expected = await pulled();
    for (const [how, order, isOneByOne] of ORDERS) {
      const venue = await aPullingVenue();
      expect(await recordsIn(venue), 'before any event').toEqual(RESOURCES.map(() => []));
      await handle(venue, order(events), isOneByOne);
      expect(await recordsIn(venue), how).toEqual(expected);
      expect(await unapplied(venue), how).toEqual([]);
    }
  });
});

/** Other records, which an event alone does not bring. */
const NAMED = ['customer_source_id', 'related_transaction_id'];
const alone = (records: readonly object[]) =>
  records.map((record) => Object.fromEntries(Object.entries(record).filter(([field]) => !NAMED.includes(field))));

describe('an event of Stripe alone, of the type', () => {
  let objects: Readonly<Record<string, WireObject>>;
  let expected: Awaited<ReturnType<typeof pulled>>;
  let created: number;
  beforeAll(async () => {
    await world.stripe.reset();
    offsetMs = 0;
    const customer = await post('customers', { name: 'Grace' });
    const product = await post('products', { name: 'Tea' });
    const price = await post('prices', { product: product.id, unit_amount: '350', currency: 'usd' });
    const { latest_charge: charge } = await intent();
    const { id: cancelled } = await post('payment_intents', { amount: '900', currency: 'usd' });
    const { id: invoice } = await openInvoice();
    await post(`invoices/${invoice}/pay`, { payment_method: 'pm_card_visa' });
    const payments = await get<{ readonly id: string; readonly data: readonly WireObject[] }>(
      `invoice_payments?invoice=${invoice}`,
    );
    objects = {
      ...{ customer, price, refund: await refund(), dispute: await dispute() },
      product: await get(`products/${product.id}`),
      charge: await get(`charges/${charge}`),
      payment_intent: await post(`payment_intents/${cancelled}/cancel`),
      invoice: await get(`invoices/${invoice}`),
      invoice_payment: payments.data[0]!,
    };
    created = (await told())[0]!.created;
    expected = await pulled();
  });

  /** The object that an event of a type is about. */
  const objectOf = (type: string): WireObject =>
    objects[type.startsWith('charge.dispute.') ? 'dispute' : (type.split('.')[0] ?? '')]!;
  const types = [...new Set(CHANGE_EVENTS)].filter((type) => !/^(customer|product|invoice)\.deleted$/.test(type));

  it.each(types)('%s makes the record of its object as a pull does', async (type) => {
    const venue = await aPullingVenue();
    const event = { id: `evt_${type}`, type, created, api_version: '2026-10-28.endive', livemode: false };
    await handle(venue, [{ ...event, data: { object: objectOf(type) } }], false);
    expect(await unapplied(venue)).toEqual([]);
    const made = await recordsIn(venue);
    expect(made.flat()).not.toEqual([]);
    for (const [index, records] of made.entries())
      expect(alone(expected[index]!)).toEqual(expect.arrayContaining(alone(records)));
  });
});

describe('events of other resources', () => {
  let venue: TestVenue;
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });
  const stored = async (resource: string) => {
    const { admin } = world.database;
    const { table } = RECORD_KINDS.get(resource);
    return admin<
      Readonly<Record<string, unknown>>[]
    >`select * from ${admin(table)} where venue_id = ${venue.venueId} order by source_id`;
  };
  const callsTo = async (path: RegExp) =>
    (await world.stripe.calls()).filter((call) => call.method === 'GET' && path.test(call.path)).length;

  it('read a product with its price once for all its events', async () => {
    await world.sync(venue, 'pull', 'full', { resource: 'products' });
    const { id } = await world.callStripe('POST', 'products', { name: 'Tea' });
    const price = await world.callStripe('POST', 'prices', { product: id, unit_amount: '350', currency: 'eur' });
    await world.callStripe('POST', `products/${id}`, { default_price: price.id });
    await deliver(venue, await told());
    await inbox.drain();
    expect(await stored('products')).toMatchObject([{ name: 'Tea', amount_minor: '350', currency: 'EUR' }]);
    expect(await callsTo(/products\/prod_/)).toBe(1);
    await later();
    await world.callStripe('POST', `products/${id}`, { default_price: '' });
    await world.callStripe('DELETE', `products/${id}`).catch(() => undefined);
    await deliver(venue, (await told()).slice(-1));
    await inbox.drain();
    expect((await inbox.events(venue)).map(({ state }) => state)).toEqual(
      (await inbox.events(venue)).map(() => 'applied'),
    );
  });

  it('take a charge with the fee that its event has not', async () => {
    await world.sync(venue, 'pull', 'full', { resource: 'transactions' });
    await world.stripe.seed({ resource: 'charges', count: 1 });
    const [charge] = (
      await world.callStripe<{ data: readonly { id: string; balance_transaction: string }[] }>('GET', 'charges?limit=1')
    ).data;
    const event = {
      id: 'evt_charge',
      type: 'charge.succeeded',
      created: Math.floor(Date.now() / 1_000),
      api_version: '2026-10-28.endive',
      livemode: false,
      data: { object: charge! },
    };
    await deliver(venue, [event]);
    await inbox.drain();
    const [transaction] = await stored('transactions');
    expect(transaction).toMatchObject({ kind: 'payment', status: 'succeeded' });
    expect(transaction!['fee_minor']).not.toBeNull();
    expect(await inbox.events(venue)).toMatchObject([
      { state: 'applied', effects: [{ kind: 'created', resource: 'transactions', recordId: transaction!['id'] }] },
    ]);
  });
});
