import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createQuickBooksSyncWorld } from '../push/quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from '../push/quickbooks-world.ts';
import { CUSTOMERS, customerNames, pushWithoutAnswer } from '../push/unanswered-push.ts';
import type { WireCustomer } from '../push/unanswered-push.ts';

let world: QuickBooksSyncWorld;
let inbox: EventWorld;
let venue: QuickBooksVenue;

beforeAll(async () => {
  world = await createQuickBooksSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  await world.database.admin`truncate webhook_events cascade`;
  venue = await world.aQuickBooksVenue();
  await inbox.countAsPulled(venue, 'customers');
});

const namesHere = () => customerNames(world, venue);
const objects = () => venue.company.objects<WireCustomer>('Customer');
const handled = async () => (await inbox.events(venue)).map(({ state, attempts }) => ({ state, attempts }));
const makeDue = () => world.database.admin`update webhook_events set due_at = now()`;

/** QuickBooks tells that a customer was created. */
const tell = ({ Id: id }: { readonly Id: string }) =>
  inbox.post('quickbooks', [
    {
      ...{ specversion: '1.0', id: `${randomUUID()}-Customer-${id}`, source: 'intuit.test' },
      ...{ type: 'qbo.customer.created.v1', time: new Date().toISOString() },
      ...{ intuitentityid: id, intuitaccountid: venue.company.id },
    },
  ]);

describe('an event of a customer that a push has created at QuickBooks, whose objects carry no id of ours', () => {
  it('waits for the answer to the push and makes no second record', async () => {
    const input = await pushWithoutAnswer(world, venue);
    for (const customer of await objects()) await tell(customer);
    await inbox.drain();
    expect(await handled()).toEqual(Array(CUSTOMERS).fill({ state: 'waiting', attempts: 0 }));
    expect(await namesHere()).toEqual(['Ours 0', 'Ours 1', 'Ours 2']);

    expect(await world.chunk(input)).toMatchObject({ status: 'done' });
    expect(await world.finish(input)).toMatchObject({
      outcome: 'completed',
      counts: { created: CUSTOMERS, rejected: 0 },
    });
    await makeDue();
    await inbox.drain();
    expect(await handled()).toEqual(Array(CUSTOMERS).fill({ state: 'applied', attempts: 1 }));
    expect(await namesHere()).toEqual(['Ours 0', 'Ours 1', 'Ours 2']);
    expect(await objects()).toHaveLength(CUSTOMERS);
  });

  it('does not wait when it came before the push sent anything', async () => {
    const { Customer } = await venue.company.write('customer', { DisplayName: 'Theirs' });
    await tell(Customer as WireCustomer);
    await pushWithoutAnswer(world, venue);
    await inbox.drain();
    expect(await handled()).toEqual([{ state: 'applied', attempts: 1 }]);
    expect(await namesHere()).toEqual(['Ours 0', 'Ours 1', 'Ours 2', 'Theirs']);
  });

  it('does not wait for an answer that has been missing for minutes', async () => {
    await pushWithoutAnswer(world, venue);
    const { Customer } = await venue.company.write('customer', { DisplayName: 'Theirs' });
    await tell(Customer as WireCustomer);
    await world.database.admin`
      update record_links set created_at = created_at - interval '6 minutes', updated_at = updated_at - interval '6 minutes'
      where venue_id = ${venue.venueId}`;
    await inbox.drain();
    expect(await handled()).toEqual([{ state: 'applied', attempts: 1 }]);
    expect(await namesHere()).toContain('Theirs');
  });
});
