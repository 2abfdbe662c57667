import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a push of customers', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  it('creates every customer once, and a second push of the unchanged set makes zero writes', async () => {
    await world.load(venue, 30);

    expect(await world.sync(venue, 'push')).toMatchObject({
      outcome: 'completed',
      done: 30,
      total: 30,
      counts: { created: 30, rejected: 0 },
    });
    expect(await world.stripe.customers()).toHaveLength(30);

    const before = (await world.stripe.calls()).length;
    expect(await world.sync(venue, 'push')).toMatchObject({
      counts: { read: 30, created: 0, updated: 0, unchanged: 30 },
      providerCalls: 0,
    });
    expect(await world.stripe.calls()).toHaveLength(before);
  });

  it('writes only changes, and clears cleared fields', async () => {
    await world.load(venue, 10);
    await world.sync(venue, 'push');
    await world.customers.upsertMany(venue.venueId, [{ sourceId: 'c-3', name: null, metadata: { colour: 'red' } }]);

    for (const mode of ['incremental', 'full'] as const) {
      const run = await world.sync(venue, 'push', mode);
      expect(run.counts.updated).toBe(mode === 'incremental' ? 1 : 0);
    }
    const customers = await world.stripe.customers<{
      id: string;
      name: string | null;
      metadata: Record<string, string>;
    }>();
    const changed = customers.find(({ metadata }) => metadata['interlock_source_id'] === 'c-3');
    expect(changed).toMatchObject({ name: null, metadata: { colour: 'red' } });
    expect(changed?.metadata).not.toHaveProperty('tier');
  });

  it('logs each refusal of the provider with its reason, and continues', async () => {
    await world.load(venue, 5);
    await world.customers.upsertMany(venue.venueId, [
      { sourceId: 'too-long', name: 'n'.repeat(300) },
      { sourceId: 'bad-mail', email: 'no-mail-at-all' },
    ]);

    const run = await world.sync(venue, 'push');

    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 5, rejected: 2 } });
    const log = await world.runs.listLog(venue.venueId, run.syncId, {
      filter: { action: 'rejected' },
      page: { limit: 10, after: null },
    });
    expect(log.data).toMatchObject([
      {
        level: 'error',
        sourceId: 'too-long',
        code: 'not-mappable',
        message: 'name: Stripe allows at most 256 characters.',
      },
      { level: 'error', sourceId: 'bad-mail', code: 'email_invalid' },
    ]);
    expect(JSON.stringify(log.data)).not.toContain('no-mail-at-all');
  });

  it.each([
    ['a reset after the commit', { kind: 'commit-then-fail' }],
    ['a 500 after the commit, which Stripe will repeat', { kind: 'commit-then-fail', status: 500 }],
    ['a 500 before the commit', { kind: 'status', status: 500 }],
    ['a stored 500 before the commit', { kind: 'status', status: 500, stored: true }],
    ['a cut body', { kind: 'truncate' }],
    ['a reset', { kind: 'reset' }],
  ])('creates nothing twice after %s', async (_name, fault) => {
    await world.load(venue, 12);
    const input = await world.open(venue, 'push', 'full');
    await world.begin(input);
    await world.stripe.fault({ match: { method: 'POST', path: '/v1/customers' }, times: 3, ...fault });

    // Retries the chunk, as Temporal would.
    let attempts = 0;
    for (; attempts < 8; attempts += 1) {
      const status = await world.chunk(input).then(
        (chunk) => chunk.status,
        () => 'failed',
      );
      if (status === 'done') break;
    }

    expect(await world.finish(input)).toMatchObject({
      outcome: 'completed',
      done: 12,
      counts: { created: 12, rejected: 0 },
    });
    const customers = await world.stripe.customers<{ id: string; metadata: Record<string, string> }>();
    expect(customers.map(({ metadata }) => metadata['interlock_source_id']).sort()).toEqual(
      Array.from({ length: 12 }, (_, index) => aCustomer(index).sourceId).sort(),
    );
  });

  it('waits out a short 429 without losing or duplicating a record', async () => {
    await world.load(venue, 20);
    await world.stripe.fault({
      match: { method: 'POST', path: '/v1/customers' },
      times: 4,
      kind: 'status',
      status: 429,
      retryAfter: 1,
    });

    expect(await world.sync(venue, 'push')).toMatchObject({ outcome: 'completed', counts: { created: 20 } });
    expect(await world.stripe.customers()).toHaveLength(20);
  });

  it('asks for a new key when the provider revokes the old one, and writes nothing more', async () => {
    await world.load(venue, 3);
    const input = await world.open(venue, 'push', 'full');
    await world.begin(input);
    await world.stripe.fault({ match: {}, kind: 'revoke' });

    await expect(world.chunk(input)).rejects.toMatchObject({ type: 'NeedsReauth', nonRetryable: true });
    await world.stripe.clearFaults();
  });

  it('does not touch what another venue has pushed', async () => {
    const other = await world.aVenue((await world.stripe.addAccount()).secretKey);
    await world.load(venue, 4);
    await world.load(other, 2, 100);

    expect(await world.sync(other, 'push')).toMatchObject({ counts: { created: 2 } });
    expect(await world.stripe.customers()).toHaveLength(0);
    expect(await world.sync(venue, 'push')).toMatchObject({ counts: { created: 4 } });
  });
});
