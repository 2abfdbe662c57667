import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecordStores } from '../../../db/records/record-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { until } from '../../support/eventually.ts';
import { startStopwatch } from '../../support/stopwatch.ts';
import { createQuickBooksSyncWorld } from '../push/quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from '../push/quickbooks-world.ts';

let world: QuickBooksSyncWorld;
let venue: QuickBooksVenue;

beforeAll(async () => {
  world = await createQuickBooksSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  venue = await world.aQuickBooksVenue();
});

interface WireCustomer extends Readonly<Record<string, unknown>> {
  readonly Id: string;
  readonly DisplayName: string;
}

const CUSTOMERS = 3;
const load = (count: number) =>
  createRecordStores(world.database.db, RECORD_KINDS)
    .of(RECORD_KINDS.get('customers'))
    .upsertMany(
      venue.venueId,
      Array.from({ length: count }, (_, index) => ({ sourceId: `c-${index}`, name: `Ours ${index}` })) as never,
    );
const namesHere = async () =>
  (
    await world.database.admin<{ name: string }[]>`
      select name from customers where venue_id = ${venue.venueId} order by name`
  ).map(({ name }) => name);

/** A push has created the venue's customers at QuickBooks, and the answer is not stored. */
async function pushWithoutAnswer() {
  await load(CUSTOMERS);
  const match = { path: '/v3/company/\\d+/batch' };
  await world.quickbooks.fault({ kind: 'commit-then-fail', status: 503, match, times: 1 });
  const input = await world.open(venue, 'push', 'full', { resource: 'customers' });
  await world.begin(input);
  await expect(world.chunk(input)).rejects.toThrow();
  return input;
}

describe('a pull from QuickBooks, whose objects carry no id of ours', () => {
  it('beside a push waits for its answers and makes no second records', async () => {
    const push = await pushWithoutAnswer();
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
    const push = await pushWithoutAnswer();
    await world.finish(push);
    const elapsedMs = startStopwatch();
    expect(await world.sync(venue, 'pull', 'full', { resource: 'customers' })).toMatchObject({ outcome: 'completed' });
    expect(elapsedMs()).toBeLessThan(10_000);
  });
});
