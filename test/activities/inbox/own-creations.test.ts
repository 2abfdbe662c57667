import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecordStores } from '../../../db/records/record-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createQuickBooksSyncWorld } from '../push/quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from '../push/quickbooks-world.ts';

interface WireCustomer extends Readonly<Record<string, unknown>> {
  readonly Id: string;
  readonly DisplayName: string;
}

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

const CUSTOMERS = 3;
const namesHere = async () =>
  (
    await world.database.admin<{ name: string }[]>`
      select name from customers where venue_id = ${venue.venueId} order by name`
  ).map(({ name }) => name);
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

/** A push has created the venue's customers at QuickBooks, and the answer is not stored. */
async function pushWithoutAnswer() {
  await createRecordStores(world.database.db, RECORD_KINDS)
    .of(RECORD_KINDS.get('customers'))
    .upsertMany(
      venue.venueId,
      Array.from({ length: CUSTOMERS }, (_, index) => ({ sourceId: `c-${index}`, name: `Ours ${index}` })) as never,
    );
  const match = { path: '/v3/company/\\d+/batch' };
  await world.quickbooks.fault({ kind: 'commit-then-fail', status: 503, match, times: 1 });
  const input = await world.open(venue, 'push', 'full', { resource: 'customers' });
  await world.begin(input);
  await expect(world.chunk(input)).rejects.toThrow();
  return input;
}

describe('an event of a customer that a push has created at QuickBooks, whose objects carry no id of ours', () => {
  it('waits for the answer to the push and makes no second record', async () => {
    const input = await pushWithoutAnswer();
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
    await pushWithoutAnswer();
    await inbox.drain();
    expect(await handled()).toEqual([{ state: 'applied', attempts: 1 }]);
    expect(await namesHere()).toEqual(['Ours 0', 'Ours 1', 'Ours 2', 'Theirs']);
  });

  it('does not wait for an answer that has been missing for minutes', async () => {
    await pushWithoutAnswer();
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
