import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { Secret } from '../../../vault/secret.ts';
import { createSealer } from '../../../vault/sealer.ts';
import { until } from '../../support/eventually.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a run that has to wait', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0, latencyMs: 0 });
    venue = await world.aVenue();
    await world.stripe.seed({ resource: 'customers', count: 5 });
  });

  const row = async ({ syncId }: SyncConnectionInput) =>
    (await world.database.admin`select phase, waiting_for, rate_per_second from sync_runs where id = ${syncId}`)[0]!;
  const phases = async ({ syncId }: SyncConnectionInput) =>
    [
      ...(await world.database
        .admin`select code from sync_logs where sync_id = ${syncId} and action = 'phase' order by seq`),
    ].map(({ code }) => code as string);
  const begun = async (of = venue) => {
    const input = await world.open(of, 'pull', 'full');
    await world.begin(input);
    return input;
  };
  /** Temporal's nth attempt. */
  const attempt = (input: SyncConnectionInput, nth: number) => world.chunk(input, world.aStage({ attempt: nth }));
  const newKey = async (secretKey: string) => {
    const sealedKey = await createSealer(world.keyring).seal(new Secret(secretKey), {
      ...venue,
      purpose: 'provider-api-key',
    });
    const connection = await world.connections.find(venue);
    await world.connections.saveWithApiKey({
      ...venue,
      provider: 'stripe',
      environment: 'sandbox',
      account: connection!.account!,
      scopes: [],
      sealedKey,
    });
  };

  it.each([
    [
      'the provider limits the rate for a long time',
      { kind: 'status', status: 429, retryAfter: 120 },
      'rate-limit',
      FAILURE.rateLimited,
    ],
    ['the provider is down', { kind: 'status', status: 503 }, 'provider-unavailable', FAILURE.unavailable],
    ['the provider cuts every connection', { kind: 'reset' }, 'provider-unavailable', FAILURE.unavailable],
    [
      'a proxy answers instead of the provider',
      { kind: 'html' },
      'provider-unexpected-response',
      FAILURE.unexpectedResponse,
    ],
    ['the key is refused', { kind: 'status', status: 401 }, 'needs-reauth', FAILURE.needsReauth],
  ] as const)(
    'shows the reason and its start while %s, and stops showing it once it continues',
    async (_when, fault, what, type) => {
      const input = await begun();
      await world.stripe.fault({ match: {}, ...fault });
      await expect(world.chunk(input)).rejects.toMatchObject({ type });
      const waiting = await row(input);
      expect(waiting).toMatchObject({ phase: 'waiting', waiting_for: { what, since: expect.any(String) as string } });
      if (what !== 'needs-reauth') {
        await expect(world.chunk(input)).rejects.toMatchObject({ type });
        expect((await row(input))['waiting_for']).toMatchObject({
          since: (waiting['waiting_for'] as { since: string }).since,
        });
      }
      await world.stripe.clearFaults();
      // Every run shares the pause that the provider asked for, so end it.
      await world.database.admin`delete from provider_budgets`;
      if (what === 'needs-reauth') await newKey(world.sandbox.secretKey);

      while ((await world.chunk(input)).status === 'more');

      expect(await row(input)).toMatchObject({ phase: 'running', waiting_for: null });
      expect(await phases(input)).toEqual(['queued', 'estimating', 'running', 'waiting', 'running']);
      expect((await world.finish(input)).counts).toMatchObject({ created: 5 });
    },
  );

  it.each(['pull', 'push'] as const)(
    'shows it for a %s also when the provider asks for one short pause after another, which counts as a failure',
    async (direction) => {
      const input = await world.open(venue, direction, 'full');
      if (direction === 'push') await world.customers.upsertMany(venue.venueId, [aCustomer(1)]);
      await world.begin(input);
      await world.stripe.fault({ match: {}, kind: 'status', status: 429, retryAfter: 1 });
      await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.rateLimited });
      expect(await row(input)).toMatchObject({ phase: 'waiting', waiting_for: { what: 'rate-limit', failures: 1 } });
    },
  );

  it('keeps showing the reason until something succeeds, not only until the next attempt', async () => {
    const input = await begun();
    await world.stripe.fault({ match: { path: '/v1/customers$' }, kind: 'status', status: 503, times: 1 });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    await world.stripe.clearFaults();
    await world.stripe.fault({ match: { path: '/v1/customers$' }, kind: 'slow', delayMs: 4_000, times: 1 });
    const chunk = world.chunk(input);
    const fence = async () =>
      Number((await world.database.admin`select fence from sync_runs where id = ${input.syncId}`)[0]!['fence']);
    await until(async () => (await fence()) === 2, { limitMs: 20_000, what: 'the second attempt has begun' });
    expect(await row(input)).toMatchObject({ phase: 'waiting', waiting_for: { what: 'provider-unavailable' } });
    await chunk;
    expect(await row(input)).toMatchObject({ phase: 'running', waiting_for: null });
  });

  it('shows the time of its next attempt when the provider names one', async () => {
    const input = await begun();
    await world.stripe.fault({ match: {}, kind: 'status', status: 429, retryAfter: 300 });
    const before = Date.now();
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.rateLimited });
    const until = Date.parse(((await row(input))['waiting_for'] as { until: string }).until);
    expect(until).toBeGreaterThanOrEqual(before + 290_000);
    expect(until).toBeLessThanOrEqual(Date.now() + 310_000);
  });

  it.each([
    ['a provider that is down', { kind: 'status', status: 503 }, FAILURE.unavailable, 8],
    ['a long pause requested by the provider', { kind: 'status', status: 429, retryAfter: 60 }, FAILURE.rateLimited, 8],
    ['unintelligible answers', { kind: 'html' }, FAILURE.unexpectedResponse, 10],
  ] as const)(
    'does not occupy a worker for ever with %s, because the workflow waits instead',
    async (_what, fault, type, most) => {
      const input = await begun();
      await world.stripe.fault({ match: {}, ...fault });
      for (let failures = 1; failures < most; failures += 1)
        await expect(attempt(input, failures)).rejects.toMatchObject({ type, nonRetryable: false });
      await expect(attempt(input, most)).rejects.toMatchObject({ type, nonRetryable: true });
    },
  );

  it('is retried as long as it makes progress', async () => {
    await world.stripe.seed({ resource: 'customers', count: 300 });
    const input = await begun();
    await world.stripe.fault({ match: { path: '/v1/customers$', nth: 2 }, kind: 'status', status: 503, times: 100 });
    await expect(attempt(input, 50)).rejects.toMatchObject({ type: FAILURE.unavailable, nonRetryable: false });
  });

  it('does not blame a key that was replaced during the call', async () => {
    const input = await begun();
    await world.stripe.limits({ latencyMs: 4_000 });
    await world.stripe.fault({ match: {}, kind: 'commit-then-fail', status: 401, times: 20 });
    const chunk = world.chunk(input);
    chunk.catch(() => undefined);
    const onItsWay = async () =>
      (
        (await (await fetch(`${world.sandbox.controlUrl}/faults`)).json()) as {
          readonly data: readonly { readonly struck: number }[];
        }
      ).data.some(({ struck }) => struck > 0);
    await until(onItsWay, { limitMs: 20_000, what: 'the call is on its way' });
    await newKey(world.sandbox.secretKey);
    await expect(chunk).rejects.toMatchObject({ type: FAILURE.needsReauth });
    expect(await world.connections.find(venue)).toMatchObject({ state: 'active' });
    await world.stripe.clearFaults();
    await world.stripe.limits({ latencyMs: 0 });
    while ((await world.chunk(input)).status === 'more');
    expect(await row(input)).toMatchObject({ phase: 'running', waiting_for: null });
  });

  it('does not affect another venue’s run or connection', async () => {
    const account = await world.stripe.addAccount();
    const other = await world.aVenue(account.secretKey);
    const [mine, theirs] = [await begun(), await begun(other)];
    // Of a page: the first calls go out together, and a run does not need the count.
    await world.stripe.fault({ match: { path: '/v1/customers$' }, kind: 'status', status: 401, times: 1 });
    await expect(world.chunk(mine)).rejects.toMatchObject({ type: FAILURE.needsReauth });
    expect(await world.connections.find(other)).toMatchObject({ state: 'active' });
    while ((await world.chunk(theirs)).status === 'more');
    expect(await row(theirs)).toMatchObject({ phase: 'running', waiting_for: null });
    await world.progress.park(
      { ...mine, venueId: other.venueId },
      { what: 'quota', since: new Date().toISOString(), until: null, error: null },
    );
    expect(await row(mine)).toMatchObject({ waiting_for: { what: 'needs-reauth' } });
  });

  it('shows no reason once it has ended', async () => {
    const input = await begun();
    await world.stripe.fault({ match: {}, kind: 'status', status: 503 });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    await world.finish(input, 'cancelled');
    await world.progress.park(input, { what: 'quota', since: new Date().toISOString(), until: null, error: null });
    expect(await row(input)).toMatchObject({ phase: 'finished', waiting_for: null });
  });
});
