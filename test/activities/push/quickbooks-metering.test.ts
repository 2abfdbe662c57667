import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import { MONTH_S } from '../../../contracts/providers.ts';
import { createQuickBooksSyncWorld } from './quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from './quickbooks-world.ts';

let world: QuickBooksSyncWorld;
beforeAll(async () => {
  world = await createQuickBooksSyncWorld({ readsPerMonth: 3 });
});
afterAll(() => world.close());
beforeEach(() => world.database.admin`delete from provider_quotas`);

const pull = (venue: QuickBooksVenue) => world.sync(venue, 'pull', 'full', { resource: 'customers' });
/** How a pull that is not let through ends. */
async function refusedPull(venue: QuickBooksVenue) {
  const input = await world.open(venue, 'pull', 'full', { resource: 'customers' });
  await world.begin(input);
  const error: unknown = await world.chunk(input).catch((cause: unknown) => cause);
  return { input, error: error as { readonly type: string; readonly details: { readonly retryAfterMs: number }[] } };
}

it('makes a pull wait for the next month once the app’s reads are used up, by whatever company, and goes on then', async () => {
  const [one, other] = [await world.aQuickBooksVenue(), await world.aQuickBooksVenue()];
  await one.company.seed('Customer', 2);
  await other.company.seed('Customer', 2);
  while ((await world.quickbooks.metering()).corePlus < 3) await pull(one);
  const before = await world.quickbooks.metering();
  const { input, error } = await refusedPull(other);
  expect(error).toMatchObject({ type: FAILURE.quotaExhausted, nonRetryable: true });
  const until = new Date(Date.now() + (error.details[0]?.retryAfterMs ?? 0));
  expect([until.getUTCDate(), until.getUTCHours()]).toEqual([1, 0]);
  expect(await world.quickbooks.metering()).toEqual(before);

  await world.database.admin`update provider_quotas set started_at = started_at - interval '31 days'`;
  for (let chunk = await world.chunk(input); chunk.status === 'more';) chunk = await world.chunk(input);
  expect(await world.finish(input)).toMatchObject({ outcome: 'completed', counts: { created: 2 } });
});

it('lets writes through that read nothing when the reads are used up', async () => {
  const venue = await world.aQuickBooksVenue();
  await world.database.admin`
    insert into provider_quotas (key, window_s, used, started_at) values ('app/quickbooks/production#read', ${MONTH_S}, 3, now())`;
  expect((await refusedPull(venue)).error).toMatchObject({ type: FAILURE.quotaExhausted });
  await world.customers.upsertMany(venue.venueId, [{ sourceId: 'c-0', name: 'Ada Lovelace' }]);
  expect(await world.sync(venue, 'push', 'full', { resource: 'customers' })).toMatchObject({
    outcome: 'completed',
    counts: { created: 1 },
  });
});
