import { randomBytes } from 'node:crypto';
import { Client, Connection, WithStartWorkflowOperation } from '@temporalio/client';
import { v7 as uuidv7 } from 'uuid';
import { ownerStart } from '../../../activities/connections/connection-owner.ts';
import { newGrant, openGrant, sealGrant } from '../../../activities/connections/sealed-grant.ts';
import { readWorkerConfig } from '../../../config/config.ts';
import {
  ENSURE_FRESH_UPDATE,
  KEEP_CONNECTION_FRESH,
  keepConnectionFreshWorkflowId,
} from '../../../contracts/connections.ts';
import type { EnsureFreshArgs, EnsureFreshResult, KeepConnectionFreshInput } from '../../../contracts/connections.ts';
import type { ConnectionId, ConnectionRef } from '../../../contracts/ids.ts';
import type { OAuthFlow } from '../../../contracts/providers.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { createBudgetStore } from '../../../db/budgets/budget-store.ts';
import { createConnectionStore } from '../../../db/connections/connection-store.ts';
import { createOAuthTokenStore } from '../../../db/connections/oauth-token-store.ts';
import { connections as connectionRows } from '../../../db/schema/connections/connections.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { createVenueStore } from '../../../db/core/venue-store.ts';
import { createProviders, PROVIDERS, REGISTRIES } from '../../../providers/registry.ts';
import { providerEnvironment } from '../../../runtime/processes/child-environment.ts';
import type { Env } from '../../../runtime/start/home.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { createOpener } from '../../../vault/opener.ts';
import { createSealer } from '../../../vault/sealer.ts';
import { Secret } from '../../../vault/secret.ts';
import { createDeps } from '../../../worker/deps.ts';
import { connectTemporal } from '../../../worker/temporal-connection.ts';
import { createWorkers } from '../../../worker/workers.ts';
import { createTestDatabase } from '../services/database.ts';
import { activitiesIn } from '../history.ts';
import { oauthControl, startOAuthSandbox, settingsOf } from '../sandbox/sandbox-oauth.ts';
import { createTestNamespace } from '../services/temporal.ts';
import type { TestTemporal } from '../services/temporal.ts';
import { installTemporalRuntime } from '../services/temporal-runtime.ts';
import type { AppProvider } from '../test-providers.ts';

const REDIRECT_URI = 'http://127.0.0.1:9/oauth/callback';

export interface TestGrant extends ConnectionRef {
  readonly provider: AppProvider;
  /** The account's id at the stand-in. */
  readonly account: string;
}

export interface GrantWorldOptions {
  /** Additional environment of the workers, such as a key service. */
  readonly env?: Env;
  readonly temporal?: TestTemporal;
}

export type GrantWorld = Awaited<ReturnType<typeof createGrantWorld>>;

/**
 * A database, the stand-ins, Temporal, and connections that their owners have really approved. The test provides
 * workers: `aWorker`, or processes with `workerEnv`.
 */
export async function createGrantWorld(options: GrantWorldOptions = {}) {
  const [database, sandbox, temporal] = await Promise.all([
    createTestDatabase(),
    startOAuthSandbox(),
    options.temporal ?? createTestNamespace(),
  ]);
  const { db, admin } = database;
  const workerEnv: Env = {
    ...providerEnvironment({}, settingsOf(sandbox)),
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    DATABASE_URL: database.url,
    MOCK_KMS: 'true',
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    LOG_LEVEL: 'fatal',
    ...options.env,
  };
  const config = readWorkerConfig(workerEnv, PROVIDERS);
  const audit = createAuditStore(db);
  const providers = createProviders(PROVIDERS, config.providers, { budget: createBudgetStore(db) });
  const tokens = createOAuthTokenStore({ db, audit });
  const connections = createConnectionStore(db);
  const [sealer, vault] = [createSealer(config.keyring), createOpener(config.keyring)];
  const controls = Object.fromEntries(
    (['stripe', 'square', 'quickbooks', 'mailchimp', 'xero'] as const).map((provider) => [
      provider,
      oauthControl(sandbox[provider].controlUrl),
    ]),
  ) as Record<AppProvider, ReturnType<typeof oauthControl>>;
  const client = new Client({
    connection: await Connection.connect({ address: temporal.address }),
    namespace: temporal.namespace,
  });
  const undo: (() => Promise<unknown>)[] = [];

  /** A connection after its owner's approval. */
  async function aGrant(provider: AppProvider, flow: OAuthFlow): Promise<TestGrant> {
    const adapter = providers.oauth(provider, flow);
    if (!adapter) throw new Error(`${provider} has no flow ${flow}`);
    const venue = await createVenueStore(db).create({
      sourceId: null,
      name: 'A venue',
      timeZone: 'UTC',
      currency: 'EUR',
    });
    if (venue === 'source-id-taken') throw new Error('a venue without a sourceId cannot clash');
    const ref = { venueId: venue.id, connectionId: uuidv7() as ConnectionId };
    const account = (await controls[provider].addAccount()).id;
    const codeVerifier = new Secret(randomBytes(32).toString('base64url'));
    const { redirectUrl } = await controls[provider].approve(
      await adapter.authorizationUrl({
        state: randomBytes(32).toString('base64url'),
        redirectUri: REDIRECT_URI,
        codeVerifier,
        scopes: null,
      }),
      account,
    );
    const answer = new URL(redirectUrl).searchParams;
    const calls = providers.calls(provider, {
      account: null,
      lane: 'interactive',
      signal: AbortSignal.timeout(50_000),
    });
    const grant = await adapter.exchange(
      {
        code: new Secret(answer.get('code') ?? ''),
        codeVerifier,
        redirectUri: REDIRECT_URI,
        parameters: Object.fromEntries([...answer].filter(([name]) => name === 'realmId')),
      },
      calls,
    );
    const sealedTokens = await sealGrant(sealer, ref, grant);
    const fresh = newGrant(ref, grant, {
      adapter,
      sealedTokens,
      obtainedAt: new Date(),
      databaseAheadMs: await tokens.clockAheadMs(),
    });
    const externalAccountId = (await adapter.account(grant, calls)).externalAccountId;
    await withVenue(db, ref.venueId, async (tx) => {
      await tx.insert(connectionRows).values({
        id: ref.connectionId,
        venueId: ref.venueId,
        provider,
        environment: adapter.environment,
        externalAccountId,
        flow,
        state: 'active',
      });
      await tokens.replaceIn(tx, ref, { ...fresh, authorizedBy: `a test's ${ref.connectionId}` });
    });
    return { ...ref, provider, account };
  }

  async function aWorker(env: Env = {}): Promise<void> {
    const worker = await startWorker({ ...workerEnv, ...env });
    undo.push(worker);
  }

  const owner = ({ connectionId }: Pick<ConnectionRef, 'connectionId'>) =>
    client.workflow.getHandle(keepConnectionFreshWorkflowId(connectionId));

  return {
    database,
    admin,
    sandbox,
    temporal,
    client,
    config,
    controls,
    providers,
    tokens,
    connections,
    sealer,
    vault,
    workerEnv,
    aGrant,
    aWorker,
    owner,
    /** The activities that the connection's owner workflow has requested so far, in order. */
    steps: async (grant: TestGrant): Promise<readonly string[]> =>
      activitiesIn((await owner(grant).fetchHistory()).events),

    ensureFresh: (
      grant: TestGrant,
      { minValidMs = 300_000, rejectedGeneration = null }: Partial<EnsureFreshArgs[0]> = {},
    ): Promise<EnsureFreshResult> =>
      client.workflow.executeUpdateWithStart<Owner, EnsureFreshResult, EnsureFreshArgs>(ENSURE_FRESH_UPDATE, {
        args: [{ minValidMs, rejectedGeneration }],
        startWorkflowOperation: new WithStartWorkflowOperation<Owner>(
          KEEP_CONNECTION_FRESH,
          ownerStart(grant, grant.provider),
        ),
      }),

    startOwner: (grant: TestGrant) =>
      client.workflow.start<Owner>(KEEP_CONNECTION_FRESH, ownerStart(grant, grant.provider)),

    /** Expires its access token, at the provider and here. */
    async expire({ provider, account, connectionId }: TestGrant): Promise<void> {
      await controls[provider].expire(account);
      await admin`update oauth_tokens set access_expires_at = now() - interval '1 second' where connection_id = ${connectionId}`;
    },

    /** Makes it due, as its owner workflow sees on its next check. */
    async makeDue({ connectionId }: TestGrant): Promise<void> {
      await admin`update connections set next_refresh_at = now() where id = ${connectionId}`;
    },

    /** The requests to the provider's token endpoint that refresh the account's grants, or all grants. */
    async refreshCalls({ provider, account }: Pick<TestGrant, 'provider' | 'account'>) {
      return (await controls[provider].calls()).filter(
        (call) => call.grantType === 'refresh_token' && (call.account === null || call.account === account),
      );
    },

    async row({ connectionId }: ConnectionRef) {
      const [row] = await admin<
        {
          state: string;
          cause: string | null;
          nextAction: string | null;
          nextRefreshAt: Date | null;
          generation: number;
          sentAt: Date | null;
        }[]
      >`
        select c.state, c.cause, c.next_action as "nextAction", c.next_refresh_at as "nextRefreshAt", t.generation, t.refresh_sent_at as "sentAt"
        from connections c join oauth_tokens t on t.connection_id = c.id where c.id = ${connectionId}`;
      if (!row) throw new Error('the connection has no grant');
      return row;
    },

    async auditOf({
      connectionId,
    }: ConnectionRef): Promise<readonly { action: string; outcome: string; details: Record<string, unknown> }[]> {
      return admin`select action, outcome, details from audit_log where target_id = ${connectionId} order by id`;
    },

    /** Whether the provider accepts the stored token now. */
    async works(grant: TestGrant): Promise<boolean> {
      const stored = await tokens.find(grant);
      const adapter = stored && providers.oauth(grant.provider, stored.flow);
      if (!adapter) return false;
      const calls = providers.calls(grant.provider, {
        account: null,
        lane: 'interactive',
        signal: AbortSignal.timeout(50_000),
      });
      return adapter.account(await openGrant(vault, grant, stored), calls).then(
        () => true,
        () => false,
      );
    },

    async close(): Promise<void> {
      for (const step of undo.splice(0).reverse()) await step();
      await client.connection.close();
      await sandbox.close();
      await database.drop();
    },
  };
}

type Owner = (input: KeepConnectionFreshInput) => Promise<unknown>;

/** Runs all workers of a process in this one. Returns the function that stops them. */
async function startWorker(env: Env): Promise<() => Promise<void>> {
  const config = readWorkerConfig(env, PROVIDERS);
  const log = createLogger({ name: 'worker', level: config.logLevel });
  installTemporalRuntime();
  const deps = await createDeps(config, log, REGISTRIES);
  const connection = await connectTemporal(config.temporal, log, new AbortController().signal);
  if (!connection) throw new Error('nobody stopped it');
  const workers = await createWorkers({ connection, namespace: config.temporal.namespace, deps });
  const running = Promise.all(workers.map((worker) => worker.run()));
  return async () => {
    for (const worker of workers) worker.shutdown();
    await running;
    await connection.close();
    await deps.close();
  };
}
