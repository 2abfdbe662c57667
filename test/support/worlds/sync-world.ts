import { randomBytes } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { v7 as uuidv7 } from 'uuid';
import { createCredentials } from '../../../activities/connections/credentials.ts';
import { createSyncChunkActivities } from '../../../activities/sync/sync-chunk.ts';
import { createSyncControlActivities } from '../../../activities/sync/sync-control.ts';
import type { ConnectionId, SyncId, VenueId } from '../../../contracts/ids.ts';
import type { Direction, Environment, ProviderId, SyncMode } from '../../../contracts/providers.ts';
import type { SyncChunkResult, SyncConnectionInput, SyncSummary } from '../../../contracts/sync.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { createBudgetStore } from '../../../db/budgets/budget-store.ts';
import { createCircuitStore } from '../../../db/budgets/circuit-store.ts';
import { createCircuits } from '../../../providers/limits/circuits.ts';
import { createConnectionStore } from '../../../db/connections/connection-store.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { createOAuthTokenStore } from '../../../db/connections/oauth-token-store.ts';
import { createReachStore } from '../../../db/connections/reach-store.ts';
import { createMappingStore } from '../../../db/mappings/mapping-store.ts';
import { createPullStore } from '../../../db/pull/pull-store.ts';
import { createPushStore } from '../../../db/push/push-store.ts';
import { createScheduleStore } from '../../../db/runs/schedule-store.ts';
import { createSyncMissingStore } from '../../../db/pull/sync-missing.ts';
import { createSyncProgressStore } from '../../../db/runs/sync-progress-store.ts';
import { createSyncRunStore } from '../../../db/runs/sync-run-store.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createVenueStore } from '../../../db/core/venue-store.ts';
import { createExpressions } from '../../../expressions/expressions.ts';
import { pulledSourceId } from '../../../domain/sync/pull/source-id.ts';
import type { ProviderAccountName } from '../../../domain/sync/pull/source-id.ts';
import type { Budget } from '../../../providers/limits/budget.ts';
import type { Providers } from '../../../providers/providers.ts';
import { createTestProviders } from '../test-providers.ts';
import { startStripeSandbox } from '../../../sandbox/stripe/stripe-sandbox.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { createOpener } from '../../../vault/opener.ts';
import { createSealer } from '../../../vault/sealer.ts';
import { Secret } from '../../../vault/secret.ts';
import { createTemporalLogger } from '../../../worker/temporal-logger.ts';
import { startAnswerEditingProxy } from '../sandbox/answer-editing-proxy.ts';
import { createTestDatabase } from '../services/database.ts';
import { sandboxControl } from '../sandbox/sandbox-control.ts';
import { customers } from '../../../records/customers.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import type { RecordKinds } from '../../../records/registry.ts';

export interface WorldOptions {
  readonly chunkMs?: number;
  readonly requestsPerSecond?: number;
  /** Puts a proxy between the activities and the stand-in; `world.proxy` edits its answers. */
  readonly withProxy?: boolean;
  /** Replaces the stand-in Stripe by made-up providers. Connections still have the provider `stripe`. */
  readonly providersOn?: (budget: Budget, stripeUrl: string) => Providers;
  /** Of which every connection is, in place of `stripe`. */
  readonly provider?: ProviderId;
  /** The record kinds, when they are not the product's. */
  readonly kinds?: RecordKinds;
  /** Uses circuit breakers, as the services do. */
  readonly circuits?: boolean;
}

export type RunOptions = Partial<
  Pick<SyncConnectionInput, 'resource' | 'dryRun' | 'window' | 'planId' | 'deadLettersOnly'>
>;

export interface TestVenue {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
}

function stripeAt(apiUrl: string, { db, budget, options }: { db: Database; budget: Budget; options: WorldOptions }) {
  return createTestProviders(
    { stripe: { apiUrl, requestsPerSecond: options.requestsPerSecond ?? 2_000 } },
    budget,
    options.circuits === true ? createCircuits(createCircuitStore(db)) : undefined,
  );
}

/**
 * Everything that a sync touches except Temporal: a database, a stand-in Stripe, the activities with their real parts.
 */
export async function createSyncWorld(options: WorldOptions = {}) {
  const [database, sandbox] = await Promise.all([
    createTestDatabase(),
    startStripeSandbox({ limits: { requestsPerSecond: 0 } }),
  ]);
  const { db } = database;
  const { kinds = RECORD_KINDS, provider = 'stripe' } = options;
  const proxy = options.withProxy ? await startAnswerEditingProxy(sandbox.apiUrl) : null;
  const keyring = { kind: 'local', key: new Secret(randomBytes(32).toString('base64')) } as const;
  const sealer = createSealer(keyring);
  const stores = {
    venues: createVenueStore(db),
    connections: createConnectionStore(db),
    customers: createRecordStore(db, customers),
    runs: createSyncRunStore(db),
    schedules: createScheduleStore(db),
    progress: createSyncProgressStore(db, kinds),
    pulls: createPullStore(db, kinds),
    pushes: createPushStore(db, kinds),
    missing: createSyncMissingStore(db),
    audit: createAuditStore(db),
    mappings: createMappingStore(db),
    reach: createReachStore(db),
  };
  const expressions = createExpressions();
  const vault = createOpener(keyring);
  const tokens = createOAuthTokenStore({ db, audit: stores.audit });
  const budget = createBudgetStore(db);
  const providers =
    options.providersOn?.(budget, sandbox.apiUrl) ?? stripeAt(proxy?.url ?? sandbox.apiUrl, { db, budget, options });
  const deps = {
    ...stores,
    ...{ kinds, expressions, providers },
    vault,
    tokens,
    credentials: createCredentials({ connections: stores.connections, tokens, providers, vault, audit: stores.audit }),
    log: createLogger({ name: 'test', level: 'fatal' }),
    chunkMs: options.chunkMs ?? 60_000,
  };
  const control = createSyncControlActivities(deps);
  const chunks = createSyncChunkActivities(deps);

  async function aVenue(secretKey = sandbox.secretKey): Promise<TestVenue> {
    const venue = await stores.venues.create({
      sourceId: null,
      name: 'A venue',
      timeZone: 'Europe/Berlin',
      currency: 'EUR',
    });
    if (venue === 'source-id-taken') throw new Error('a venue without a sourceId cannot clash');
    return connect(venue.id, { secretKey });
  }

  const accounts = new Map<ConnectionId, ProviderAccountName>();
  /** The `sourceId` that a pull gives a record of the connection. */
  function pulledId({ connectionId }: TestVenue, externalId: string): string {
    const account = accounts.get(connectionId);
    if (!account) throw new Error('not a connection of this world');
    return pulledSourceId(account, externalId);
  }

  /** Connects one more account to a venue. */
  async function connect(
    venueId: VenueId,
    account: { readonly secretKey: string; readonly id?: string; readonly environment?: Environment },
  ): Promise<TestVenue> {
    const ref = { venueId, connectionId: uuidv7() as ConnectionId };
    const sealedKey = await sealer.seal(new Secret(account.secretKey), { ...ref, purpose: 'provider-api-key' });
    const { id = `acct_${randomBytes(6).toString('hex')}`, environment = 'sandbox' } = account;
    accounts.set(ref.connectionId, { provider, environment, externalAccountId: id });
    await stores.connections.saveWithApiKey({
      ...ref,
      provider,
      environment,
      account: { id, name: 'An account' },
      scopes: [],
      sealedKey,
    });
    return ref;
  }

  /** Opens a run like the API; the activities move it. */
  async function open(
    venue: TestVenue,
    direction: Direction,
    mode: SyncMode,
    more: RunOptions = {},
  ): Promise<SyncConnectionInput> {
    const key = { ...venue, provider, resource: more.resource ?? 'customers', direction } as const;
    const { run } = await stores.runs.openOrJoin({
      ...key,
      mode,
      requestedBy: 'test',
      dryRun: more.dryRun === true,
      deadLettersOnly: more.deadLettersOnly === true,
      ...(more.planId && { planId: more.planId }),
    });
    return { ...key, ...more, resource: key.resource, ...(run.planId && { planId: run.planId }), syncId: run.id, mode };
  }

  const aStage = (info: ConstructorParameters<typeof MockActivityEnvironment>[0] = {}) =>
    new MockActivityEnvironment(info, { logger: createTemporalLogger(deps.log) });
  const begin = (input: SyncConnectionInput) => aStage().run(control.beginSync, input);
  const chunk = (input: SyncConnectionInput, environment = aStage()): Promise<SyncChunkResult> =>
    environment.run(chunks.syncChunk, input);
  const finish = (input: SyncConnectionInput, end: 'done' | 'cancelled' | 'failed' = 'done'): Promise<SyncSummary> =>
    aStage().run(control.finishSync, { ...input, end });

  /** Executes a whole run, chunk by chunk. */
  async function sync(
    venue: TestVenue,
    direction: Direction,
    mode: SyncMode = 'full',
    more: RunOptions = {},
  ): Promise<SyncSummary & { readonly syncId: SyncId }> {
    const input = await open(venue, direction, mode, more);
    await begin(input);
    let result: SyncChunkResult;
    do result = await chunk(input);
    while (result.status === 'more');
    if (result.status !== 'done') throw new Error(`the run came to ${result.status}`);
    return { ...(await finish(input)), syncId: input.syncId };
  }

  /** Calls Stripe's API as another holder of the account's key. */
  async function callStripe<T = { readonly id: string }>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    form: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const response = await fetch(`${sandbox.apiUrl}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${sandbox.secretKey}`, 'content-type': 'application/x-www-form-urlencoded' },
      ...(method === 'POST' && { body: new URLSearchParams(form).toString() }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** A run's log, oldest first, without the lines about its phases. */
  async function logOf(venue: TestVenue, syncId: SyncId) {
    const { data } = await stores.runs.listLog(venue.venueId, syncId, {
      filter: {},
      page: { limit: 200, after: null },
    });
    return data.filter(({ action }) => action !== 'phase' && action !== 'finished');
  }

  return {
    ...stores,
    callStripe,
    logOf,
    deps,
    keyring,
    database,
    sandbox,
    get proxy() {
      if (proxy === null) throw new Error('this world has no proxy');
      return proxy;
    },
    stripe: sandboxControl(sandbox.controlUrl),
    aStage,
    aVenue,
    connect,
    pulledId,
    open,
    begin,
    chunk,
    finish,
    sync,
    load: (venue: TestVenue, count: number, from = 0) =>
      stores.customers.upsertMany(
        venue.venueId,
        Array.from({ length: count }, (_, index) => aCustomer(from + index)),
      ),
    async close() {
      await Promise.all([proxy?.close(), sandbox.close(), database.drop(), expressions.close()]);
    },
  };
}

export const aCustomer = (index: number, name = `Customer ${index}`) => ({
  sourceId: `c-${index}`,
  name,
  email: `customer-${index}@example.com`,
  phone: null,
  address: {
    line1: `${index} High Street`,
    line2: null,
    city: 'Berlin',
    region: null,
    postalCode: '10115',
    country: 'Germany',
  },
  metadata: { tier: String(index % 3) },
});
