import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, pauseWhenUnasked } from '../../../activities/inbox/event-failures.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createSquareSyncWorld } from '../push/square-world.ts';
import type { SquareSyncWorld, SquareVenue } from '../push/square-world.ts';

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
  await world.database.admin`truncate webhook_events cascade`;
  venue = await world.aSquareVenue();
  await inbox.countAsPulled(venue, 'customers');
});

const handled = async () => (await inbox.events(venue)).map(({ state, attempts }) => ({ state, attempts }));
const readings = async () => (await venue.merchant.calls()).filter(({ path }) => path.startsWith('/v2/customers'));

/** Square tells that a customer was created. */
const tell = async (id: string) =>
  inbox.post('square', {
    ...{ merchant_id: await inbox.accountOf(venue), type: 'customer.created', event_id: randomUUID() },
    data: { type: 'customer', id, object: { customer: { id } } },
  });

describe('events whose objects are read again', () => {
  it('wait without a failed attempt while the account’s pace leaves no time for them', async () => {
    const [id = ''] = await venue.merchant.seed('customers', 1);
    await tell(id);
    const key = `square/sandbox/${await inbox.accountOf(venue)}`;
    await world.database.admin`
      insert into provider_budgets (key, next_free_at) values (${key}, now() + interval '1 minute')
      on conflict (key) do update set next_free_at = excluded.next_free_at`;
    await inbox.drain();
    expect(await handled()).toEqual([{ state: 'waiting', attempts: 0 }]);
    expect(await readings()).toEqual([]);

    await world.database.admin`delete from provider_budgets where key = ${key}`;
    await world.database.admin`update webhook_events set due_at = now()`;
    await inbox.drain();
    expect(await handled()).toEqual([{ state: 'applied', attempts: 1 }]);
  });

  it('fail when the provider refuses the call', async () => {
    const [id = ''] = await venue.merchant.seed('customers', 1);
    await tell(id);
    await world.square.fault({ kind: 'status', status: 429, match: { path: `/v2/customers/${id}` }, times: 1 });
    await inbox.drain();
    expect(await handled()).toEqual([{ state: 'retrying', attempts: 1 }]);
  });

  it('are read by one call for up to 100 customers of Square', async () => {
    const ids = await venue.merchant.seed('customers', 40);
    for (const id of ids) await tell(id);
    await tell('GONE');
    await inbox.drain();
    expect(await handled()).toEqual(Array(41).fill({ state: 'applied', attempts: 1 }));
    expect((await readings()).map(({ method, path }) => [method, path])).toEqual([
      ['POST', '/v2/customers/bulk-retrieve'],
    ]);
    const [{ count } = { count: 0 }] = await world.database.admin<{ count: number }[]>`
      select count(*)::int as count from customers where venue_id = ${venue.venueId} and deleted_at is null`;
    expect(count).toBe(40);
  });
});

describe('a reading that ended early', () => {
  const provider = 'square';
  const spent = (details: { readonly httpStatus?: number; readonly retryAfterMs?: number }) =>
    new ProviderError({ provider, kind: 'quota-exhausted', ...details });
  it.each([
    ['was not made while it waited for its turn', new DOMException('', 'AbortError'), 10_000],
    ['was not made for the account’s pace', new ProviderError({ provider, kind: 'rate-limited' }), 10_000],
    ['was not made for a quota that begins anew in a minute', spent({ retryAfterMs: 60_000 }), 60_000],
    ['was not made for a quota of the day', spent({ retryAfterMs: 36_000_000 }), 900_000],
    ['was not made for a quota without an end', spent({}), 900_000],
    ['was refused by the provider', new ProviderError({ provider, kind: 'rate-limited', httpStatus: 429 }), null],
    ['was refused by the provider for its quota', spent({ httpStatus: 429, retryAfterMs: 60_000 }), null],
    ['was not answered in time', new DOMException('', 'TimeoutError'), null],
    ['met a provider that is away', new ProviderError({ provider, kind: 'unavailable' }), null],
  ])('%s', (_, error, pauseMs) => {
    expect(pauseWhenUnasked(error)).toBe(pauseMs);
  });

  it('counts as unavailable when the provider has not answered in time', () => {
    expect(codeOf(new DOMException('', 'TimeoutError'))).toBe('unavailable');
  });
});
