import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/eventually.ts';
import { startStopwatch } from '../../support/stopwatch.ts';
import { createQuickBooksSyncWorld } from '../push/quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from '../push/quickbooks-world.ts';
import { CUSTOMERS, customerNames, pushWithoutAnswer } from '../push/unanswered-push.ts';
import type { WireCustomer } from '../push/unanswered-push.ts';

let world: QuickBooksSyncWorld;
let venue: QuickBooksVenue;

beforeAll(async () => {
  world = await createQuickBooksSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  venue = await world.aQuickBooksVenue();
});

const namesHere = () => customerNames(world, venue);

describe('a pull from QuickBooks, whose objects carry no id of ours', () => {
  it('beside a push waits for its answers and makes no second records', async () => {
    const push = await pushWithoutAnswer(world, venue);
    const pull = await world.open(venue, 'pull', 'full', { resource: 'customers' });
    await world.begin(pull);
    const pulled = world.chunk(pull);
    const read = async () => (await venue.company.calls()).some(({ path }) => path.endsWith('/query'));
    await until(read, { limitMs: 20_000, what: 'the page is read' });
    await delay(500);
    expect(await namesHere()).toHaveLength(CUSTOMERS);

    // As a push stores the answer.
    for (const { Id, DisplayName } of await venue.company.objects<WireCustomer>('Customer'))
      await world.database.admin`
        update record_links set state = 'linked', external_id = ${Id}
        where record_id = (select id from customers where venue_id = ${venue.venueId} and name = ${DisplayName})`;
    expect(await pulled).toMatchObject({ status: 'done' });
    expect(await world.finish(pull)).toMatchObject({ outcome: 'completed', counts: { created: 0, rejected: 0 } });
    expect(await namesHere()).toEqual(['Ours 0', 'Ours 1', 'Ours 2']);

    expect(await world.chunk(push)).toMatchObject({ status: 'done' });
    expect(await world.finish(push)).toMatchObject({ outcome: 'completed', counts: { rejected: 0 } });
    expect(await venue.company.objects('Customer')).toHaveLength(CUSTOMERS);
  });

  it('does not wait for answers of a push that is over', async () => {
    const push = await pushWithoutAnswer(world, venue);
    await world.finish(push);
    const elapsedMs = startStopwatch();
    expect(await world.sync(venue, 'pull', 'full', { resource: 'customers' })).toMatchObject({ outcome: 'completed' });
    expect(elapsedMs()).toBeLessThan(10_000);
  });
});
