import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createXeroSyncWorld } from '../push/xero-world.ts';
import type { XeroSyncWorld, XeroVenue } from '../push/xero-world.ts';

type WireObject = Readonly<Record<string, unknown>>;

let world: XeroSyncWorld;
let inbox: EventWorld;
let venue: XeroVenue;

beforeAll(async () => {
  world = await createXeroSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  await world.database.admin`truncate webhook_events cascade`;
  venue = await world.aXeroVenue();
});

let sequence = 0;
const eventOf = (category: string, id: string, type = 'UPDATE', tenantId = venue.organisation.id) => ({
  ...{ resourceUrl: `https://api.xero.com/api.xro/2.0/${category}/${id}`, resourceId: id, tenantId },
  ...{ tenantType: 'ORGANISATION', eventCategory: category, eventType: type, eventDateUtc: '2026-11-28T21:31:25.179' },
});
function post(...events: readonly object[]) {
  const first = sequence + 1;
  sequence += events.length;
  return inbox.post('xero', { events, firstEventSequence: first, lastEventSequence: sequence, entropy: 'x' });
}

async function records(resource: Resource) {
  const { admin } = world.database;
  const { table } = RECORD_KINDS.get(resource);
  return admin<(WireObject & { version: number; deleted_at: unknown })[]>`
    select * from ${admin(table)} where venue_id = ${venue.venueId} order by created_at, id`;
}
const states = async () => (await inbox.events(venue)).map(({ state }) => state);
const reads = async () =>
  (await venue.organisation.calls()).filter(({ method, path }) => method === 'GET' && !path.endsWith('/Organisation'));

describe('events of Xero', () => {
  it.each<[string, string, Resource]>([
    ['CONTACT', 'Contacts', 'customers'],
    ['INVOICE', 'Invoices', 'invoices'],
    ['CREDITNOTE', 'CreditNotes', 'transactions'],
  ])('of %s make the record of their object', async (category, collection, resource) => {
    await inbox.countAsPulled(venue, 'customers', 'invoices', 'transactions');
    const [id = ''] = await venue.organisation.seed(collection, 1);
    await post(eventOf(category, id, 'CREATE'));
    await inbox.drain();
    const [shown] = await inbox.events(venue);
    expect(shown).toMatchObject({ state: 'applied', effects: [{ kind: 'created', resource }] });
    expect(await records(resource)).toHaveLength(1);
  });

  it('of a voided invoice change its status, and of a deleted draft delete its record', async () => {
    await venue.organisation.seed('Invoices', 2);
    const [first, second] = await venue.organisation.objects<{ readonly InvoiceID: string }>('Invoices');
    await venue.organisation.put('Invoices', [{ ...second, Status: 'DRAFT' }]);
    await world.sync(venue, 'pull', 'full', { resource: 'invoices' });
    await world.xero.clock(2_000);
    for (const [one, Status] of [
      [first, 'VOIDED'],
      [second, 'DELETED'],
    ] as const)
      await venue.organisation.put('Invoices', [
        { ...one, Status, UpdatedDateUTC: `/Date(${Date.now() + 2_000}+0000)/` },
      ]);
    await post(eventOf('INVOICE', first?.InvoiceID ?? ''), eventOf('INVOICE', second?.InvoiceID ?? ''));
    await inbox.drain();
    await world.xero.clock(0);
    const kept = await records('invoices');
    expect(kept.map(({ status, deleted_at: at }) => [status, at === null]).sort()).toEqual([
      ['draft', false],
      ['void', true],
    ]);
  });

  it('of a bill make no record', async () => {
    await inbox.countAsPulled(venue, 'invoices');
    const [id = ''] = await venue.organisation.seed('Invoices', 1);
    const [invoice] = await venue.organisation.objects('Invoices');
    await venue.organisation.put('Invoices', [{ ...invoice, Type: 'ACCPAY' }]);
    await post(eventOf('INVOICE', id));
    await inbox.drain();
    expect(await states()).toEqual(['applied']);
    expect(await records('invoices')).toEqual([]);
  });

  it('wait without a failed attempt while the calls of the day are used up', async () => {
    await inbox.countAsPulled(venue, 'customers');
    const [id = ''] = await venue.organisation.seed('Contacts', 1);
    await world.database.admin`
      insert into provider_quotas (key, window_s, used, started_at)
      values (${`xero/production/${venue.organisation.id}`}, 86400, 100000, now())`;
    await post(eventOf('CONTACT', id));
    await inbox.drain();
    expect(await inbox.events(venue)).toMatchObject([{ state: 'waiting', attempts: 0 }]);
    expect(await reads()).toEqual([]);
    const [row] = await world.database.admin<{ minutes: number }[]>`
      select round(extract(epoch from due_at - now()) / 60)::int as minutes from webhook_events`;
    expect(row).toEqual({ minutes: 15 });
  });

  it('of 45 invoices take two readings, and a repeated delivery none', async () => {
    await inbox.countAsPulled(venue, 'invoices');
    const ids = await venue.organisation.seed('Invoices', 45);
    const delivery = {
      ...{ events: ids.map((id) => eventOf('INVOICE', id)), firstEventSequence: 10_001, lastEventSequence: 10_045 },
      entropy: 'x',
    };
    await inbox.post('xero', delivery);
    await inbox.drain();
    expect(await records('invoices')).toHaveLength(45);
    expect(await reads()).toHaveLength(2);
    await inbox.post('xero', delivery);
    expect(await inbox.drain()).toBe(0);
  });

  it('of categories that nobody knows, and of what is not pulled, are ignored without a call', async () => {
    await inbox.countAsPulled(venue, 'customers');
    await post(eventOf('PREPAYMENT', venue.organisation.id), eventOf('HOLOGRAM', 'x'), eventOf('INVOICE', 'y'));
    await inbox.drain();
    expect(await states()).toEqual(['ignored', 'ignored', 'ignored']);
    expect(await reads()).toEqual([]);
  });

  it('name no path of the API by an id', async () => {
    await inbox.countAsPulled(venue, 'invoices', 'transactions');
    await post(eventOf('INVOICE', '../Contacts'), eventOf('CREDITNOTE', 'CN-1:x/../..'));
    await inbox.drain();
    expect(await reads()).toEqual([]);
  });

  it('change nothing when our own write caused them', async () => {
    await world.customers.upsertMany(venue.venueId, [{ sourceId: 'c-0', name: 'Ada Lovelace' }]);
    await world.sync(venue, 'both', 'full', { resource: 'customers' });
    const [written] = await venue.organisation.objects<{ readonly ContactID: string }>('Contacts');
    const [before] = await records('customers');
    await post(eventOf('CONTACT', written?.ContactID ?? '', 'CREATE'));
    await inbox.drain();
    expect(await records('customers')).toMatchObject([{ version: before?.version }]);
    expect(await inbox.events(venue)).toMatchObject([{ state: 'applied', effects: [{ kind: 'unchanged' }] }]);
  });
});
