import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import { CHANGE_EVENTS } from '../../../providers/square/event-changes.ts';
import { comparableRecords } from '../../support/worlds/comparable-records.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSquareSyncWorld } from '../push/square-world.ts';
import type { SquareSyncWorld, SquareVenue } from '../push/square-world.ts';

type WireObject = Readonly<Record<string, unknown>>;
type Identified = WireObject & { readonly id: string };
interface SquareEvent {
  readonly type: string;
  readonly data: { readonly type: string; readonly id: string; readonly object: WireObject };
}

const SAMPLES = new URL('../../../../shared/samples/square-webhook-events/', import.meta.url);
const RESOURCES: readonly Resource[] = ['customers', 'products', 'inventory', 'transactions', 'invoices'];
const [THEN, NOW] = ['2026-11-20T10:00:00.000Z', '2026-11-21T10:00:00.000Z'];

let world: SquareSyncWorld;
let inbox: EventWorld;
let venue: SquareVenue;
beforeAll(async () => {
  world = await createSquareSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  venue = await world.aSquareVenue();
});

/** The states of one kind of object: as an event of it was made, and as it is by now. */
interface Subject {
  /** The stand-in's name of the kind, and the event's name of the object. */
  readonly kind: string;
  readonly key: string;
  readonly then: (location: string) => Identified;
  readonly now: WireObject;
  /** What has to be there besides. */
  readonly besides?: readonly (readonly [kind: string, object: Identified])[];
}

const customer = { id: 'CUSTOMER', created_at: THEN, updated_at: THEN, version: 0, given_name: 'Ada' };
const money = (amount: number) => ({ amount, currency: 'GBP' });
const PAYMENT = { id: 'PAYMENT', created_at: THEN, amount_money: money(900), total_money: money(900) };
const variation = {
  ...{ type: 'ITEM_VARIATION', id: 'VARIATION', updated_at: THEN, version: 1, is_deleted: false },
  item_variation_data: { item_id: 'ITEM', name: 'Regular', pricing_type: 'VARIABLE_PRICING' },
};
const SUBJECTS: Readonly<Record<string, Subject>> = {
  customer: {
    ...{ kind: 'customers', key: 'customer' },
    then: () => customer,
    now: { updated_at: NOW, version: 1, given_name: 'Grace' },
  },
  'loyalty.account': {
    ...{ kind: 'loyalty-accounts', key: 'loyalty_account' },
    then: () => ({ id: 'LOYALTY', program_id: 'PROGRAM', customer_id: 'CUSTOMER', balance: 10, created_at: THEN }),
    now: { balance: 25 },
    besides: [['customers', customer]],
  },
  catalog: {
    ...{ kind: 'catalogue', key: 'catalog_version' },
    then: () => ({
      ...{ type: 'ITEM', id: 'ITEM', updated_at: THEN, version: 1, is_deleted: false },
      item_data: { name: 'Tea', product_type: 'REGULAR', is_archived: false },
    }),
    now: { updated_at: NOW, version: 2, item_data: { name: 'Green tea', product_type: 'REGULAR', is_archived: false } },
    besides: [['catalogue', variation]],
  },
  inventory: {
    ...{ kind: 'counts', key: 'inventory_counts' },
    then: (location) => ({
      ...{ id: `VARIATION:${location}:IN_STOCK`, catalog_object_id: 'VARIATION', location_id: location },
      ...{ catalog_object_type: 'ITEM_VARIATION', state: 'IN_STOCK', quantity: '10', calculated_at: THEN },
    }),
    now: { quantity: '4', calculated_at: NOW },
  },
  payment: {
    ...{ kind: 'payments', key: 'payment' },
    then: (location) => ({
      ...{ ...PAYMENT, status: 'APPROVED', source_type: 'CARD', updated_at: THEN, location_id: location },
      card_details: { status: 'AUTHORIZED' },
    }),
    now: { status: 'COMPLETED', updated_at: NOW, card_details: { status: 'CAPTURED' } },
  },
  refund: {
    ...{ kind: 'refunds', key: 'refund' },
    then: (location) => ({
      ...{ id: 'REFUND', status: 'PENDING', amount_money: money(300), payment_id: 'PAYMENT', location_id: location },
      ...{ created_at: THEN, updated_at: THEN },
    }),
    now: { status: 'COMPLETED', updated_at: NOW },
  },
  dispute: {
    ...{ kind: 'disputes', key: 'dispute' },
    then: (location) => ({
      ...{ id: 'DISPUTE', state: 'EVIDENCE_REQUIRED', amount_money: money(900), reason: 'NO_KNOWLEDGE', version: 1 },
      ...{ disputed_payment: { payment_id: 'PAYMENT' }, location_id: location, created_at: THEN, updated_at: THEN },
    }),
    now: { state: 'WON', version: 2, updated_at: NOW },
  },
  invoice: {
    ...{ kind: 'invoices', key: 'invoice' },
    then: (location) => ({
      ...{ id: 'inv:0-INVOICE', version: 1, location_id: location, invoice_number: '7', status: 'UNPAID' },
      ...{ created_at: THEN, updated_at: THEN },
      payment_requests: [
        {
          ...{ uid: 'REQUEST', request_type: 'BALANCE', due_date: '2026-12-20' },
          ...{ computed_amount_money: money(5_000), total_completed_amount_money: money(0) },
        },
      ],
    }),
    now: { version: 2, status: 'CANCELED', updated_at: NOW },
  },
};
const subjectOf = (type: string): Subject => {
  const name = Object.keys(SUBJECTS).find((prefix) => type.startsWith(`${prefix}.`));
  if (name === undefined) throw new Error(`no object is known for ${type}`);
  return SUBJECTS[name]!;
};

const put = (kind: string, object: Identified) => venue.merchant.put(kind, [object]);
async function remove(kind: string, id: string): Promise<void> {
  // The control API stores objects and deletes none: a merchant who has nothing of the kind is one who has deleted it.
  const others = ['customers', 'loyalty-accounts', 'invoices'].filter((other) => other !== kind);
  const kept = await Promise.all(
    others.map(async (other) => [other, await venue.merchant.objects<Identified>(other)] as const),
  );
  await world.square.send('POST', '/reset', { account: venue.merchant.id });
  for (const [other, objects] of kept) if (objects.length > 0) await venue.merchant.put(other, objects);
  expect((await venue.merchant.objects<Identified>(kind)).map((object) => object.id)).not.toContain(id);
}
async function pull(of: TestVenue): Promise<void> {
  for (const resource of RESOURCES) await world.sync(of, 'pull', 'full', { resource });
}
const recordsIn = (of: TestVenue) =>
  Promise.all(RESOURCES.map((resource) => comparableRecords(world.database.admin, of, resource)));

/** An event in the shape that Square documents, with the object as it was then. */
function eventOf(type: string, { key, then }: Subject): SquareEvent {
  const { id, ...fields } = then(venue.merchant.mainLocationId);
  const objects: Readonly<Record<string, WireObject>> = {
    catalog_version: { catalog_version: { updated_at: THEN } },
    inventory_counts: { inventory_counts: [fields] },
  };
  return { type, data: { type: key, id, object: objects[key] ?? { [key]: { id, ...fields } } } };
}
async function post(event: SquareEvent): Promise<void> {
  const about = { merchant_id: await inbox.accountOf(venue), event_id: randomUUID(), created_at: NOW };
  await inbox.post('square', { ...event, ...about });
}

it('every kind of object that is synced has events that are read', () => {
  for (const name of Object.keys(SUBJECTS)) expect(CHANGE_EVENTS.join(' ')).toContain(`${name}.`);
});

describe('an event of Square of the type', () => {
  it.each(CHANGE_EVENTS)('%s brings the record to what the object is by now, whatever the event says', async (type) => {
    const subject = subjectOf(type);
    const { kind, then, now, besides = [] } = subject;
    const object = then(venue.merchant.mainLocationId);
    for (const [other, one] of besides) await put(other, one);
    if (!type.endsWith('.created')) await put(kind, object);
    await pull(venue);
    const before = await recordsIn(venue);

    if (type.endsWith('.deleted') && !type.includes('evidence')) await remove(kind, object.id);
    else await put(kind, { ...object, ...now });
    const event = eventOf(type, subject);
    for (let sent = 0; sent < 2; sent += 1) await post(event);
    await inbox.drain();
    await post(event);
    await inbox.drain();

    const after = await recordsIn(venue);
    expect(after).not.toEqual(before);
    const reference = await world.aVenue(venue.merchant.token);
    await pull(reference);
    expect(after).toEqual(await recordsIn(reference));
    expect((await inbox.events(venue)).map(({ state }) => state)).toEqual(['applied', 'applied', 'applied']);
  });
});

describe.skipIf(!existsSync(SAMPLES))('the official examples', () => {
  it('of types that touch no resource are kept as ignored, and cost no call', async () => {
    await pull(venue);
    const examples = readdirSync(SAMPLES).map(
      (file) => JSON.parse(readFileSync(new URL(file, SAMPLES), 'utf8')) as SquareEvent,
    );
    const others = examples.filter(
      ({ type }) => !CHANGE_EVENTS.includes(type) && type !== 'oauth.authorization.revoked',
    );
    expect(others.length).toBeGreaterThan(40);
    const calls = (await venue.merchant.calls()).length;
    for (const example of others) await post(example);
    await inbox.drain();
    const events = await inbox.events(venue);
    expect(events.map(({ type }) => type).sort()).toEqual(others.map(({ type }) => type).sort());
    expect(events.filter(({ state }) => state !== 'ignored')).toEqual([]);
    expect((await venue.merchant.calls()).length).toBe(calls);
  });
});
