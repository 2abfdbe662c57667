import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pushRecord } from '../../../activities/sync/push/push-record.ts';
import { planPush } from '../../../activities/sync/push/push-work.ts';
import type { PushTools } from '../../../activities/sync/push/push-work.ts';
import { FAILURE } from '../../../contracts/failures.ts';
import type { RecordId } from '../../../contracts/ids.ts';
import type { PushLink, PushRow } from '../../../db/push/push-store.ts';
import type { Budget } from '../../../providers/limits/budget.ts';
import { capabilitiesOf } from '../../../providers/kit/define-provider.ts';
import { createPipeline } from '../../../providers/http/pipeline.ts';
import type { ProviderAdapter, ResourceMapping, ResourceSession } from '../../../providers/provider.ts';
import type { Providers } from '../../../providers/providers.ts';
import { readOnlyMapping } from '../../../providers/read-only-mapping.ts';
import { createStripeAdapter } from '../../../providers/stripe/adapter.ts';
import { stripe } from '../../../providers/stripe/index.ts';
import { writerOf } from '../../providers/stripe/stripe-world.ts';
import { setUpOf } from '../../support/made-up/made-up-lists.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY = { keyLifeMs: 24 * HOUR_MS };
const SIX_MINUTES = { keyLifeMs: 6 * MINUTE_MS };
const NOW = 1_800_000_000_000;

const aLink = (more: Partial<PushLink>): PushLink => ({
  externalId: null,
  externalVersion: 0,
  fingerprint: null,
  state: 'pending',
  recordVersion: 0,
  writeAttempt: 0,
  refusals: 0,
  batchKey: null,
  sent: null,
  metadataKeys: [],
  externalState: null,
  createdAt: new Date(NOW),
  recordChangedSince: false,
  countedInThisRun: false,
  ...more,
});
const aRow = (link: PushLink): PushRow => ({
  id: '01890000-0000-7000-8000-000000000001' as RecordId,
  sourceId: 's',
  version: 3,
  deleted: false,
  fields: { name: 'Ada', email: null, phone: null, address: null, marketingConsent: null, metadata: {} },
  refs: {},
  merging: null,
  link,
});
const mappingWith = (idempotency: ResourceMapping['idempotency']): ResourceMapping => ({
  ...readOnlyMapping,
  ...(idempotency && { idempotency }),
});

describe('a write of unknown outcome', () => {
  it.each([
    ['23 hours minus a minute', DAY, 23 * HOUR_MS - MINUTE_MS, 'create'],
    ['23 hours', DAY, 23 * HOUR_MS, 'resolve'],
    ['5 minutes', SIX_MINUTES, 5 * MINUTE_MS, 'create'],
    ['5.4 minutes', SIX_MINUTES, 5.4 * MINUTE_MS, 'resolve'],
    ['no time', undefined, 0, 'resolve'],
  ] as const)(
    'of a creation %s ago is repeated only while the provider knows its key',
    (_ago, life, agoMs, decision) => {
      const row = aRow(aLink({ createdAt: new Date(NOW - agoMs) }));
      expect(planPush(row, mappingWith(life), NOW).decision).toBe(decision);
    },
  );

  it.each([
    ['23 hours minus a minute', DAY, 23 * HOUR_MS - MINUTE_MS, false],
    ['23 hours', DAY, 23 * HOUR_MS, true],
    ['5.4 minutes', SIX_MINUTES, 5.4 * MINUTE_MS, true],
    ['no time', undefined, 0, true],
  ] as const)(
    'of an update %s ago counts as lost once the provider has forgotten its key',
    (_ago, life, agoMs, lost) => {
      const sent = { version: 3, at: new Date(NOW - agoMs) };
      const row = aRow(aLink({ externalId: 'x', state: 'linked', sent }));
      expect(planPush(row, mappingWith(life), NOW).afterLostUpdate).toBe(lost);
    },
  );

  it('is looked up when its key has ended while the record waited in line', async () => {
    const link = aLink({ createdAt: new Date(Date.now() - 5 * MINUTE_MS) });
    const mapping = mappingWith(SIX_MINUTES);
    const planned = planPush(aRow(link), mapping, Date.now());
    expect(planned.decision).toBe('create');
    const asked: string[] = [];
    const remote = { externalId: 'x', version: 1, deleted: false, recordId: null, fields: aRow(link).fields };
    const tools = {
      scope: { connectionId: 'c' },
      mapping,
      session: {},
      store: { tiedTo: () => Promise.resolve(new Map()) },
      writer: {
        create: () => Promise.reject(new Error('created under a forgotten key')),
        findRemote: () => (asked.push('find'), Promise.resolve({ found: remote, after: null })),
      },
    } as unknown as PushTools;
    const waited = { ...planned, repeatableUntilMs: Date.now() - 1 };
    expect(await pushRecord(waited, tools)).toMatchObject({ action: 'created', externalId: 'x' });
    expect(asked).toEqual(['find']);
  });
});

describe('a push to a provider that takes no idempotency keys', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld({ providersOn: withoutKeys });
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  it('finds what an unanswered creation has left by our own reference, and creates nothing twice', async () => {
    await world.load(venue, 3);
    await world.stripe.fault({ match: { method: 'POST', path: '/v1/customers' }, times: 1, kind: 'commit-then-fail' });
    const input = await world.open(venue, 'push', 'full');
    await world.begin(input);
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    while ((await world.chunk(input)).status === 'more');
    expect((await world.finish(input)).counts).toMatchObject({ created: 3, rejected: 0 });
    expect(await world.stripe.customers()).toHaveLength(3);
    const listings = (await world.stripe.calls()).filter(({ method }) => method === 'GET');
    expect(listings.length).toBeGreaterThan(0);
  });
});

/** Stripe, had it no keys: every call has one that nobody has seen. */
function withoutKeys(budget: Budget, apiUrl: string): Providers {
  const adapter = createStripeAdapter({ apiUrl });
  const openResource = (session: ResourceSession): ResourceSession => ({
    ...session,
    writer: session.writer && {
      ...session.writer,
      create: (mapped) => writerOf(session).create(mapped, { idempotencyKey: randomUUID() }),
    },
  });
  const withoutReplay: ProviderAdapter = {
    id: 'stripe',
    capabilities: capabilitiesOf(stripe),
    ...adapter,
    mapping: (resource) => {
      const { toPayload, callsToWrite } = adapter.mapping(resource);
      return { toPayload, callsToWrite };
    },
    open: (options) => {
      const session = adapter.open(options);
      return { ...session, resource: (resource) => openResource(session.resource(resource)) };
    },
  };
  return createPipeline({ providers: [{ ...setUpOf(withoutReplay), requestsPerSecond: 2_000 }], budget });
}
