import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { until } from '../../support/eventually.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';
import { startStopwatch } from '../../support/stopwatch.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a push that meets failures', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
  });

  const remove = (id: string) =>
    fetch(`${world.sandbox.apiUrl}/v1/customers/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${world.sandbox.secretKey}` },
    });
  const change = (index: number, name: string) => world.customers.upsertMany(venue.venueId, [aCustomer(index, name)]);
  const names = async () =>
    (await world.stripe.customers<{ id: string; name: string | null }>()).map(({ name }) => name).sort();
  const rejections = async (syncId: SyncConnectionInput['syncId']) =>
    (
      await world.runs.listLog(venue.venueId, syncId, {
        filter: { action: 'rejected' },
        page: { limit: 50, after: null },
      })
    ).data;

  async function begun(mode: 'full' | 'incremental' = 'full') {
    const input = await world.open(venue, 'push', mode);
    await world.begin(input);
    return input;
  }

  /** Runs chunk after chunk, as Temporal retries them; returns the number of failures. */
  async function persist(input: SyncConnectionInput, limit = 20): Promise<number> {
    for (let failures = 0; failures < limit;) {
      const status = await world.chunk(input).then(
        (chunk) => chunk.status,
        () => 'failed',
      );
      if (status === 'done') return failures;
      if (status === 'failed') failures += 1;
    }
    throw new Error('the push does not end');
  }

  it('skips a record on which the provider fails permanently, and continues with the rest', async () => {
    await world.load(venue, 10);
    await world.sync(venue, 'push');
    await world.customers.upsertMany(
      venue.venueId,
      Array.from({ length: 10 }, (_, index) => aCustomer(index, `Renamed ${index}`)),
    );
    await world.customers.upsertMany(venue.venueId, [{ ...aCustomer(99), email: null }]);
    // Matches creations only, because the pattern must match the whole path.
    await world.stripe.fault({
      match: { method: 'POST', path: '/v1/customers$' },
      kind: 'status',
      status: 500,
      stored: true,
    });
    const from = (await world.stripe.calls()).length;
    const input = await begun();

    await persist(input);

    expect(await world.finish(input)).toMatchObject({
      outcome: 'completed-with-rejections',
      counts: { updated: 10, created: 0, rejected: 1 },
    });
    expect(await rejections(input.syncId)).toMatchObject([{ sourceId: 'c-99', code: 'provider-keeps-failing' }]);
    const creations = (await world.stripe.calls())
      .slice(from)
      .filter(({ method, path }) => method === 'POST' && path === '/v1/customers');
    expect(new Set(creations.map(({ idempotencyKey }) => idempotencyKey)).size).toBeLessThanOrEqual(6);

    // Once the provider has recovered, the next push creates the record under a key without a stored failure.
    await world.stripe.clearFaults();
    expect(await world.sync(venue, 'push', 'incremental')).toMatchObject({
      outcome: 'completed',
      counts: { created: 1 },
    });
    expect(await world.stripe.customers()).toHaveLength(11);
  });

  it('recreates a record whose update reveals that the provider has deleted it, and updates the others', async () => {
    await world.load(venue, 4);
    await world.sync(venue, 'push');
    const [first] = await world.stripe.customers<{ id: string; metadata: Record<string, string> }>();
    await remove(first!.id);
    await world.customers.upsertMany(
      venue.venueId,
      Array.from({ length: 4 }, (_, index) => aCustomer(index, `Renamed ${index}`)),
    );

    const run = await world.sync(venue, 'push');
    expect(run).toMatchObject({ outcome: 'completed', counts: { updated: 3, rejected: 0, created: 1 } });
    const log = await world.logOf(venue, run.syncId);
    expect(log.filter(({ action }) => action === 'created')).toMatchObject([
      { sourceId: first!.metadata['interlock_source_id'], code: 'created-anew' },
    ]);

    expect((await world.sync(venue, 'push')).counts).toMatchObject({ unchanged: 4, created: 0 });
    expect(await world.stripe.customers()).toHaveLength(4);
  });

  it.each([
    ['a reset after the commit', { kind: 'commit-then-fail' }],
    ['a 500 after the commit, which Stripe will repeat', { kind: 'commit-then-fail', status: 500 }],
    ['a stored 500 before the commit', { kind: 'status', status: 500, stored: true }],
    ['a 409 while a duplicate is in flight', { kind: 'status', status: 409 }],
    ['a cut body', { kind: 'truncate' }],
  ])('ends with the update in place after %s', async (_name, fault) => {
    await world.load(venue, 6);
    await world.sync(venue, 'push');
    for (let index = 0; index < 6; index += 1) await change(index, `Renamed ${index}`);
    await world.stripe.fault({ match: { method: 'POST', path: '/v1/customers/' }, times: 3, ...fault });
    const input = await begun();
    await persist(input);
    expect(await world.finish(input)).toMatchObject({
      outcome: 'completed',
      counts: { updated: 6, created: 0, rejected: 0 },
    });
    expect(await names()).toEqual(Array.from({ length: 6 }, (_, index) => `Renamed ${index}`));
  });

  it('creates nothing twice when a record changes between a lost answer and the retry, and sends the change', async () => {
    await world.load(venue, 1);
    await world.stripe.fault({ match: { method: 'POST', path: '/v1/customers' }, times: 1, kind: 'commit-then-fail' });
    const input = await begun();
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    await change(0, 'Changed in between');
    await persist(input);
    await world.finish(input);
    expect(await names()).toEqual(['Changed in between']);
  });

  it('creates nothing twice even when the fields it would be found by change in between', async () => {
    await world.load(venue, 1);
    await world.stripe.fault({ match: { method: 'POST', path: '/v1/customers' }, times: 1, kind: 'commit-then-fail' });
    const input = await begun();
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    await world.customers.upsertMany(venue.venueId, [
      { ...aCustomer(0, 'Changed in between'), email: 'another@example.com' },
    ]);
    await persist(input);
    await world.finish(input);
    expect(await names()).toEqual(['Changed in between']);
  });

  it('sends with the next push what the venue changed during the write of a record', async () => {
    await world.load(venue, 1);
    await world.stripe.limits({ latencyMs: 1_500 });
    const input = await begun();
    const chunk = world.chunk(input);
    // The mark is written after the record is read and before it is sent.
    const marked = async () =>
      (await world.database.admin`select 1 from record_links where venue_id = ${venue.venueId} and state = 'pending'`)
        .length === 1;
    await until(marked, { limitMs: 20_000, what: 'the record is on its way' });
    await change(0, 'Changed on the way');
    await chunk;
    await world.finish(input);
    await world.stripe.limits({ latencyMs: 0 });
    expect(await names()).toEqual(['Customer 0']);
    expect((await world.sync(venue, 'push', 'incremental')).counts).toMatchObject({ updated: 1 });
    expect(await names()).toEqual(['Changed on the way']);
  });

  it('stops as a whole when the key may not write, without rejecting a record', async () => {
    await world.load(venue, 3);
    await world.stripe.fault({ match: { method: 'POST' }, kind: 'status', status: 403 });
    await expect(world.chunk(await begun())).rejects.toMatchObject({ type: FAILURE.rejected, nonRetryable: true });
    expect(await world.stripe.customers()).toHaveLength(0);
  });

  it('returns a long pause to Temporal instead of waiting itself', async () => {
    await world.load(venue, 3);
    await world.stripe.fault({ match: { method: 'POST' }, kind: 'status', status: 429, retryAfter: 60, times: 1 });
    const elapsedMs = startStopwatch();
    await expect(world.chunk(await begun())).rejects.toMatchObject({
      type: FAILURE.rateLimited,
      nonRetryable: false,
      nextRetryDelay: expect.any(Number) as number,
    });
    expect(elapsedMs()).toBeLessThan(10_000);
  });

  it('clears at the provider what the venue has cleared, including consent and emptied metadata', async () => {
    await world.customers.upsertMany(venue.venueId, [
      { ...aCustomer(1), marketingConsent: true, metadata: { tier: 'gold', toString: 'odd', city: 'Bonn' } },
    ]);
    await world.sync(venue, 'push');
    await world.customers.upsertMany(venue.venueId, [
      { sourceId: 'c-1', name: '', marketingConsent: null, metadata: { tier: '', city: 'Bonn' } },
    ]);
    expect((await world.sync(venue, 'push')).counts).toMatchObject({ updated: 1 });
    const [customer] = await world.stripe.customers<{
      id: string;
      name: string | null;
      metadata: Record<string, string>;
    }>();
    expect(customer!.name).toBeNull();
    expect(Object.keys(customer!.metadata).sort()).toEqual(['city', 'interlock_record_id', 'interlock_source_id']);
    // Pulling the pushed records changes nothing.
    expect((await world.sync(venue, 'pull')).counts).toMatchObject({ updated: 0, unchanged: 1 });
    expect(await world.sync(venue, 'push')).toMatchObject({ providerCalls: 0, counts: { unchanged: 1 } });
  });
});
