import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import type { Worker } from '@temporalio/worker';
import { createAuthorizationGateway } from '../../../api/temporal/authorization-gateway.ts';
import { createAuthorizationStates } from '../../../api/connections/authorization-states.ts';
import { createAuthorizationLinks } from '../../../api/connections/authorization-link.ts';
import { attemptOf } from '../../../api/connections/authorization-states.ts';
import { connectByConsent, reauthorize, sealForAttempt } from '../../../api/connections/authorize.ts';
import { createConnectionGateway } from '../../../api/temporal/connection-gateway.ts';
import { createReportGateway } from '../../../api/temporal/report-gateway.ts';
import { createSyncGateway } from '../../../api/temporal/sync-gateway.ts';
import { authorizeConnectionWorkflowId, keepConnectionFreshWorkflowId } from '../../../contracts/connections.ts';
import type { AuthorizationCallback, AuthorizationOutcome, DisconnectRequest } from '../../../contracts/connections.ts';
import type { ConnectionId, ConnectionRef, VenueId } from '../../../contracts/ids.ts';
import type { Environment, OAuthFlow, Resource, SyncMode } from '../../../contracts/providers.ts';
import { createConnectionActionsStore } from '../../../db/connections/connection-actions-store.ts';
import type { SyncRun } from '../../../db/runs/sync-run-store.ts';
import { createVenueStore } from '../../../db/core/venue-store.ts';
import { createReturnUrls } from '../../../domain/grants/return-url.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import type { KeyringConfig } from '../../../vault/keyring.ts';
import { Secret } from '../../../vault/secret.ts';
import { createDeps } from '../../../worker/deps.ts';
import type { WorkerDeps } from '../../../worker/deps.ts';
import { connectTemporal } from '../../../worker/temporal-connection.ts';
import { createWorkers } from '../../../worker/workers.ts';
import { createTestDatabase } from '../services/database.ts';
import { until } from '../eventually.ts';
import { configOf } from '../sandbox/sandbox-config.ts';
import { oauthControl, startOAuthSandbox } from '../sandbox/sandbox-oauth.ts';
import { stripeSandboxOf } from '../sandbox/stripe-account.ts';
import { createTestNamespace } from '../services/temporal.ts';
import { installTemporalRuntime } from '../services/temporal-runtime.ts';
import type { AppProvider, TestSettings } from '../test-providers.ts';
import { REGISTRIES } from '../../../providers/registry.ts';

/** An attempt that waits for its owner. */
export interface StartedAttempt extends ConnectionRef {
  readonly provider: AppProvider;
  /** The state parameter that travels through the provider: its holder can complete the attempt. */
  readonly state: string;
  readonly attempt: string;
  readonly authorizationUrl: string;
  readonly handle: WorkflowHandle;
}

export interface ConnectWishes {
  readonly flow?: OAuthFlow | undefined;
  readonly environment?: Environment;
  /** The attempt's age, as its time limit sees it. */
  readonly agoMs?: number;
}

export interface ConnectionWorldOptions {
  readonly keyring?: KeyringConfig;
}

/**
 * Connecting and disconnecting with real parts: database, Temporal, workers, and the providers' stand-ins. The
 * functions that the API calls stand in for the API.
 */
export async function createConnectionWorld(options: ConnectionWorldOptions = {}) {
  const [database, temporal, sandbox] = await Promise.all([
    createTestDatabase(),
    createTestNamespace(),
    startOAuthSandbox(),
  ]);
  const encryptionKey = randomBytes(32).toString('base64');
  const keyring = options.keyring ?? ({ kind: 'local', key: new Secret(encryptionKey) } as const);
  const log = createLogger({ name: 'test', level: 'fatal' });
  installTemporalRuntime();
  const config = {
    production: false,
    logLevel: 'silent',
    databaseUrl: database.url,
    temporal,
    keyring,
    providers: providersAt(sandbox),
    allowLoopbackReceivers: true,
    circuitOpenMs: 1_000,
    host: '127.0.0.1',
    healthPort: null,
    maxSchedulesPerVenue: 500,
    staleAfterMs: 21_600_000,
  } as const;
  const deps = await createDeps(config, log, REGISTRIES);
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  const gatewayOptions = { client, connection, providerName: (provider: string) => provider };
  const authorizationGateway = createAuthorizationGateway(gatewayOptions);
  const connectionGateway = createConnectionGateway(gatewayOptions);
  const reportGateway = createReportGateway(gatewayOptions);
  const syncs = createSyncGateway({ ...gatewayOptions, namespace: temporal.namespace });
  const venues = createVenueStore(database.db);
  const states = createAuthorizationStates(randomBytes(32));
  const publicUrl = 'https://interlock.test';
  const api = {
    ...deps,
    connectionActions: createConnectionActionsStore(database.db),
    authorizationGateway,
    returnUrls: createReturnUrls([]),
    states,
    links: createAuthorizationLinks(states, publicUrl),
    publicUrl,
  };
  const workers = workersOf(deps, temporal);

  function started({ venueId, connectionId }: ConnectionRef, provider: AppProvider, link: string): StartedAttempt {
    const { authorizationUrl, state } = api.links.read(provider, link);
    const attempt = attemptOf(state);
    return {
      venueId,
      connectionId,
      provider,
      state,
      attempt,
      authorizationUrl,
      handle: client.workflow.getHandle(authorizeConnectionWorkflowId(attempt)),
    };
  }

  /** The callback's content, sealed as the API seals it. */
  async function cameBack(
    { venueId, connectionId }: ConnectionRef,
    redirectUrl: string,
  ): Promise<AuthorizationCallback> {
    const query = new URL(redirectUrl).searchParams;
    const code = query.get('code');
    if (code === null) return { kind: 'denied' };
    const realmId = query.get('realmId');
    return {
      kind: 'approved',
      sealedCode: await sealForAttempt(deps.sealer, new Secret(code), { venueId, connectionId }),
      ...(realmId !== null && { parameters: { realmId } }),
    };
  }

  const world = {
    stripe: stripeSandboxOf(sandbox.stripe),
    database,
    temporal,
    sandbox,
    deps,
    client,
    authorizationGateway,
    connectionGateway,
    reportGateway,
    api,
    workers,
    encryptionKey,
    control: {
      stripe: oauthControl(sandbox.stripe.controlUrl),
      square: oauthControl(sandbox.square.controlUrl),
      quickbooks: oauthControl(sandbox.quickbooks.controlUrl),
      mailchimp: oauthControl(sandbox.mailchimp.controlUrl),
      xero: oauthControl(sandbox.xero.controlUrl),
    },
    cameBack,

    async aVenue(): Promise<VenueId> {
      const venue = await venues.create({
        sourceId: null,
        name: 'A venue',
        timeZone: 'Europe/Berlin',
        currency: 'EUR',
      });
      if (venue === 'source-id-taken') throw new Error('a venue without a sourceId cannot clash');
      return venue.id;
    },

    async begin(
      venueId: VenueId,
      provider: AppProvider,
      { flow, environment, agoMs = 0 }: ConnectWishes = {},
    ): Promise<StartedAttempt> {
      const clock = () => new Date(Date.now() - agoMs);
      const integration = deps.providers.integration(provider);
      const wanted = { provider, environment: environment ?? integration.environment ?? 'sandbox', flow };
      // The API rejects an environment that the app is not configured for; here only the account decides.
      const providers = { ...deps.providers, integration: () => ({ ...integration, environment: null }) };
      const { connection: row, authorizationUrl } = await connectByConsent({ ...api, providers, clock }, venueId, {
        ...wanted,
        requestedBy: 'an-owner',
      });
      return started({ venueId, connectionId: row.id }, provider, authorizationUrl);
    },

    async beginAgain(ref: ConnectionRef, provider: AppProvider): Promise<StartedAttempt> {
      const { authorizationUrl } = await reauthorize({ ...api, clock: () => new Date() }, ref, {
        requestedBy: 'an-owner',
      });
      return started(ref, provider, authorizationUrl);
    },

    /** The owner approves at the provider; the callback has not arrived yet. */
    async approve(attempt: StartedAttempt, account?: string): Promise<AuthorizationCallback> {
      return cameBack(
        attempt,
        (await world.control[attempt.provider].approve(attempt.authorizationUrl, account)).redirectUrl,
      );
    },

    /** Delivers the callback; returns the outcome, or `used`. */
    async complete(
      { attempt, handle }: StartedAttempt,
      callback: AuthorizationCallback,
    ): Promise<AuthorizationOutcome | 'used'> {
      const completion = await authorizationGateway.complete(attempt, callback);
      if (completion.kind === 'used') return 'used';
      return completion.kind === 'ended' ? completion.outcome : ((await handle.result()) as AuthorizationOutcome);
    },

    /** The whole flow of an owner. */
    async connect(
      venueId: VenueId,
      provider: AppProvider,
      { account, flow }: { readonly account?: string; readonly flow?: OAuthFlow | undefined } = {},
    ): Promise<StartedAttempt & { readonly outcome: AuthorizationOutcome | 'used' }> {
      const attempt = await world.begin(venueId, provider, { flow });
      return { ...attempt, outcome: await world.complete(attempt, await world.approve(attempt, account)) };
    },

    async disconnect(
      { venueId, connectionId, provider }: ConnectionRef & { readonly provider: AppProvider },
      request: DisconnectRequest = { records: 'keep', requestedBy: 'an-admin' },
    ): Promise<void> {
      await connectionGateway.disconnect({ venueId, connectionId, provider }, request);
      await world.reaches({ venueId, connectionId }, 'disconnected');
    },

    async connectionOf({ venueId, connectionId }: ConnectionRef) {
      const found = await deps.connections.find({ venueId, connectionId });
      if (!found) throw new Error('there is no such connection');
      return found;
    },

    reaches: (ref: ConnectionRef, state: string, limitMs = 30_000) =>
      until(async () => (await world.connectionOf(ref)).state === state, {
        limitMs,
        what: `the connection is ${state}`,
        everyMs: 50,
      }),

    /** Starts a sync as the API does. */
    async start(
      { venueId, connectionId }: ConnectionRef,
      order: { readonly direction: 'push' | 'pull'; readonly resource?: Resource; readonly mode?: SyncMode },
    ): Promise<SyncRun> {
      const { run } = await deps.runs.openOrJoin({
        venueId,
        connectionId,
        provider: 'stripe',
        resource: 'customers',
        mode: 'full',
        requestedBy: 'test',
        ...order,
      });
      await syncs.start(run);
      return run;
    },

    runOf: async ({ venueId, id }: SyncRun): Promise<SyncRun> => {
      const run = await deps.runs.find(venueId, id);
      if (!run) throw new Error('there is no such run');
      return run;
    },

    finished: (run: SyncRun) =>
      until(
        async () => {
          const now = await world.runOf(run);
          return now.finishedAt && now;
        },
        { limitMs: 60_000, what: 'the run is over', everyMs: 50 },
      ),

    /** The highest attempt of the activities that the workflow waits for. */
    tries: async ({ handle }: StartedAttempt): Promise<number> =>
      Math.max(0, ...((await handle.describe()).raw.pendingActivities ?? []).map(({ attempt }) => attempt ?? 0)),

    owner: (connectionId: ConnectionId) => client.workflow.getHandle(keepConnectionFreshWorkflowId(connectionId)),

    /** The connection's credential rows, by kind. */
    async credentialsOf(connectionId: ConnectionId) {
      const [row] = await database.admin<{ keys: number; grants: number; generation: number | null }[]>`
        select (select count(*)::int from venue_api_keys where connection_id = ${connectionId}) as keys,
          (select count(*)::int from oauth_tokens where connection_id = ${connectionId}) as grants,
          (select generation from oauth_tokens where connection_id = ${connectionId}) as generation`;
      if (!row) throw new Error('a select without from gives a row');
      return row;
    },

    /** The actions of the venue's audit log, oldest first. */
    audit: async (venueId: VenueId) =>
      (
        await database.admin<{ action: string }[]>`select action from audit_log where venue_id = ${venueId} order by id`
      ).map(({ action }) => action),

    async close() {
      await workers.stop();
      await connection.close();
      await deps.close();
      await Promise.all([sandbox.close(), database.drop()]);
    },
  };
  await workers.start();
  return world;
}

export type ConnectionWorld = Awaited<ReturnType<typeof createConnectionWorld>>;

/** The stand-ins' addresses and our app credentials there. */
function providersAt(sandbox: Awaited<ReturnType<typeof startOAuthSandbox>>) {
  const config = configOf(sandbox);
  return { ...config, stripe: { ...config.stripe, requestsPerSecond: 2_000 } } satisfies TestSettings;
}

/** The workers of this process, which tests stop and start. */
function workersOf(deps: WorkerDeps, temporal: Awaited<ReturnType<typeof createTestNamespace>>) {
  let running: {
    readonly workers: readonly Worker[];
    readonly ended: Promise<unknown>;
    readonly close: () => Promise<void>;
  } | null = null;
  return {
    async start() {
      const connection = await connectTemporal(temporal, deps.log, new AbortController().signal);
      if (connection === null) throw new Error('nobody stopped it');
      const workers = await createWorkers({ connection, namespace: temporal.namespace, deps });
      running = { workers, ended: Promise.all(workers.map((worker) => worker.run())), close: () => connection.close() };
    },
    async stop() {
      const was = running;
      running = null;
      for (const worker of was?.workers ?? []) worker.shutdown();
      await was?.ended;
      await was?.close();
    },
  };
}
