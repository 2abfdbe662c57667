import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Direction } from '../../../contracts/providers.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { until } from '../../support/eventually.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

const COUNT = 250;
const MARK = '/v1/events';
const LISTING = '/v1/customers';

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let venue: TestVenue;
beforeAll(async () => {
  world = await createSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.stripe.reset();
  await world.stripe.limits({ requestsPerSecond: 0, latencyMs: 0 });
  await world.stripe.seed({ resource: 'customers', count: COUNT });
  venue = await world.aVenue();
});

const begun = async (direction: Direction) => {
  const input = await world.open(venue, direction, 'full');
  await world.begin(input);
  return input;
};
const toEnd = async (input: SyncConnectionInput) => {
  while ((await world.chunk(input)).status === 'more');
  return world.finish(input);
};
/** The first call to the list of events, and the first one to the listing. */
async function firstCalls(direction: Direction) {
  const input = await begun(direction);
  const sinceMs = Date.now();
  await toEnd(input);
  const calls = (await world.stripe.calls()).filter(({ at, method }) => at >= sinceMs && method === 'GET');
  const first = (path: string) => calls.find((call) => call.path === path)!;
  return { mark: first(MARK), page: first(LISTING) };
}
const stored = async () =>
  new Set(
    (
      await world.database.admin<{ name: string | null }[]>`
        select name from customers where venue_id = ${venue.venueId} and deleted_at is null`
    ).map(({ name }) => name),
  );
const hasAsked = (path: string) => async () => (await world.stripe.calls()).some((call) => call.path === path);

describe('the newest change at the provider', () => {
  it('is asked for together with the first page when nothing of the connection has been read or written', async () => {
    await world.stripe.limits({ latencyMs: 300 });
    const { mark, page } = await firstCalls('pull');
    expect(page.at).toBeLessThan(mark.answeredAt);
  });

  it('is known before the first page is requested once records are linked, and for a run that merges', async () => {
    await world.stripe.limits({ latencyMs: 300 });
    const both = await firstCalls('both');
    expect(both.page.at).toBeGreaterThanOrEqual(both.mark.answeredAt);
    const again = await firstCalls('pull');
    expect(again.page.at).toBeGreaterThanOrEqual(again.mark.answeredAt);
  });

  it('is stored before any page, and asked for again by the next attempt when it was refused', async () => {
    const input = await begun('pull');
    await world.stripe.fault({ match: { path: MARK }, kind: 'status', status: 503, times: 1 });
    await expect(world.chunk(input)).rejects.toThrow();
    expect(await stored()).toEqual(new Set());
    const [run] = await world.database.admin<{ kind: string }[]>`
      select checkpoint -> 'stages' -> 0 ->> 'kind' as kind from sync_runs where id = ${input.syncId}`;
    expect(run?.kind).toBe('mark-changes');
    expect((await toEnd(input)).counts).toMatchObject({ read: COUNT, created: COUNT });
  });

  it('is asked for once more after a short pause that the provider asks for, while the first pages wait', async () => {
    const input = await begun('pull');
    await world.stripe.fault({ match: { path: MARK }, kind: 'status', status: 429, times: 1 });
    expect((await toEnd(input)).counts).toMatchObject({ read: COUNT, created: COUNT });
  });

  it('hides no change that was made while its answer took longer than the change feed is read back', async () => {
    const edited = await world.callStripe('POST', 'customers', { name: 'Before' });
    const other = await world.callStripe('POST', 'customers', { name: 'Other' });
    const input = await begun('pull');
    await world.stripe.fault({ match: { path: MARK }, kind: 'slow', delayMs: 8_000, times: 1 });
    const ended = toEnd(input);
    await until(hasAsked(LISTING), { limitMs: 20_000, what: 'the first page' });
    await world.callStripe('POST', `customers/${edited.id}`, { name: 'After' });
    // Longer than the feed is read back by itself, and still before the answer.
    await sleep(6_500);
    await world.callStripe('POST', `customers/${other.id}`, { name: 'Newest' });
    await ended;
    const names = await stored();
    expect(names).toContain('After');
    expect(names).not.toContain('Before');
  });
});
