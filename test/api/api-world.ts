import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { SignJWT } from 'jose';
import { createApp } from '../../api/app.ts';
import type { AppConfig, AppDeps } from '../../api/app.ts';
import { createAuthorizationStates } from '../../api/connections/authorization-states.ts';
import type { Role } from '../../api/auth/caller.ts';
import { startServer } from '../../api/http/server.ts';
import type { VenueId } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { createAccessCheckStore } from '../../db/connections/access-check-store.ts';
import { createAccountChoiceStore } from '../../db/connections/account-choice-store.ts';
import { createAccountConnections } from '../../db/connections/account-connections.ts';
import { createAuditStore } from '../../db/core/audit-store.ts';
import { createBudgetStatusStore } from '../../db/budgets/budget-status-store.ts';
import { createBudgetStore } from '../../db/budgets/budget-store.ts';
import { createCircuitStore } from '../../db/budgets/circuit-store.ts';
import { createConnectionActionsStore } from '../../db/connections/connection-actions-store.ts';
import { createConnectionStore } from '../../db/connections/connection-store.ts';
import { createReachStore } from '../../db/connections/reach-store.ts';
import { createMappingStore } from '../../db/mappings/mapping-store.ts';
import { createIdempotencyStore } from '../../db/core/idempotency-store.ts';
import { createDeadLetterStore } from '../../db/dead-letters/dead-letter-store.ts';
import { createConflictStore } from '../../db/conflicts/conflict-store.ts';
import { createReportAnswerStore } from '../../db/reports/report-answer-store.ts';
import { createReconciliationStore } from '../../db/reconciliation/reconciliation-store.ts';
import { createRecordStores } from '../../db/records/record-store.ts';
import { createOAuthTokenStore } from '../../db/connections/oauth-token-store.ts';
import { createPlanStore } from '../../db/runs/plan-store.ts';
import { createScheduleStore } from '../../db/runs/schedule-store.ts';
import { createSecretRotationStore } from '../../db/connections/secret-rotation-store.ts';
import { createSyncProgressStore } from '../../db/runs/sync-progress-store.ts';
import { createSyncRunStore } from '../../db/runs/sync-run-store.ts';
import { createTransactionSummaryStore } from '../../db/records/transaction-summary-store.ts';
import { createVenueStore } from '../../db/core/venue-store.ts';
import { createInboxStore } from '../../db/webhooks/inbox-store.ts';
import { createDeliveryStore } from '../../db/outgoing/delivery-store.ts';
import { createRetryStore } from '../../db/dead-letters/retry-store.ts';
import { createDeliveryListStore } from '../../db/outgoing/delivery-list-store.ts';
import { createSubscriptionStore } from '../../db/outgoing/subscription-store.ts';
import { createVenueEventStore } from '../../db/webhooks/venue-event-store.ts';
import { createWebhookEndpointStore } from '../../db/webhooks/webhook-endpoint-store.ts';
import type { VenueCapConfig } from '../../config/config.ts';
import type { ProvidersConfig } from '../../config/provider-settings.ts';
import type { ProviderDefinition } from '../../providers/kit/define-provider.ts';
import { createExpressions } from '../../expressions/expressions.ts';
import { createProviders, PROVIDERS } from '../../providers/registry.ts';
import type { TestSettings } from '../support/test-providers.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { createSealer } from '../../vault/sealer.ts';
import { Secret } from '../../vault/secret.ts';
import { createWebhookSecretOpener } from '../../vault/webhook-secret-opener.ts';
import { drainInbox } from '../support/inbox.ts';
import { createTestDatabase } from '../support/services/database.ts';
import { sandboxControl } from '../support/sandbox/sandbox-control.ts';
import { allApps } from './openapi/all-apps.ts';
import { RecordedConnections } from './connections/recorded-connections.ts';
import { RecordedReconciliationSchedules, RecordedReconciliations } from './reconciliation/recorded-reconciliations.ts';
import { RecordedMappings } from './mappings/recorded-mappings.ts';
import { RecordedReports } from './reports/recorded-reports.ts';
import { RecordedSchedules } from './schedules/recorded-schedules.ts';
import { RecordedRetries } from './dead-letters/recorded-retries.ts';
import { RecordedSubscriptions } from './subscriptions/recorded-subscriptions.ts';
import { RecordedRegistrations } from './webhooks/recorded-registrations.ts';
import { RecordedInbox } from './webhooks/recorded-inbox.ts';
import { RecordedClosings } from './venues/recorded-closings.ts';
import { RecordingGateway } from './syncs/recording-gateway.ts';
import { RECORD_KINDS } from '../../records/registry.ts';

export const JWT_SECRET = randomBytes(32).toString('base64');
export const PUBLIC_URL = 'https://interlock.test';
export const RETURN_URL = 'https://shop.test/connected';
const UI_URL = 'https://temporal.test';

export interface WrongField {
  readonly path: string;
  readonly message: string;
}

/** The fields of all answers together; each test reads those of its own answer. */
export interface AnswerBody {
  readonly id: string;
  readonly sourceId: string;
  readonly updatedAt: string;
  readonly action: string;
  readonly account: { readonly id: string };
  readonly state: string;
  readonly code: string;
  readonly authorizationUrl: string;
  readonly expiresAt: string;
  readonly fullPasses: readonly object[];
  readonly data: AnswerBody[];
  readonly nextCursor: string | null;
  readonly received: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly rejected: number;
  readonly rejections: readonly {
    readonly line: number;
    readonly sourceId: string | null;
    readonly errors: readonly WrongField[];
  }[];
  readonly type: string;
  readonly detail: string;
  readonly errors: readonly WrongField[];
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body; an empty object when it is not JSON. */
  readonly json: AnswerBody;
}

export const pathsOf = (errors: readonly WrongField[] | undefined): string[] => (errors ?? []).map(({ path }) => path);

export interface SendOptions {
  readonly token?: string | null;
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TokenOptions {
  readonly sub?: string;
  readonly role?: Role;
  readonly venues?: readonly string[] | '*';
  readonly expiresInS?: number;
  readonly secret?: string;
}

export async function aToken({
  sub = 'tester',
  role = 'admin',
  venues = '*',
  expiresInS = 600,
  secret = JWT_SECRET,
}: TokenOptions = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ role, venues: venues === '*' ? '*' : [...venues] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime(now + expiresInS)
    .sign(new TextEncoder().encode(secret));
}

/** Limits that no test reaches by accident. */
export const WIDE_LIMITS = {
  perCallerPerMinute: 100_000,
  perVenuePerMinute: 100_000,
  startsPerVenuePerMinute: 100_000,
  connectingPerVenuePerTenMinutes: 100_000,
};

/**
 * The whole API on a real server, with a real database and a stand-in Stripe. Only Temporal is replaced by a recorder.
 */
export async function createApiWorld(
  options: {
    readonly config?: Partial<AppConfig>;
    readonly deps?: Partial<AppDeps>;
    readonly providers?: TestSettings;
    /** Replaces the registry's definitions. */
    readonly definitions?: readonly ProviderDefinition[];
    readonly venueCaps?: Partial<VenueCapConfig>;
  } = {},
) {
  const [database, sandbox] = await Promise.all([
    createTestDatabase(),
    startStripeSandbox({ limits: { requestsPerSecond: 0 } }),
  ]);
  const { db, eventDb } = database;
  const { kinds = RECORD_KINDS } = options.deps ?? {};
  const caps = { connections: Infinity, schedules: Infinity, subscriptions: Infinity, ...options.venueCaps };
  const logLines: string[] = [];
  const gateway = new RecordingGateway();
  const scheduleGateway = new RecordedSchedules();
  const connectionGateway = new RecordedConnections();
  const reconciliationGateway = new RecordedReconciliations();
  const inboxGateway = new RecordedInbox();
  const deadLetterGateway = new RecordedRetries();
  const venueGateway = new RecordedClosings();
  const subscriptionGateway = new RecordedSubscriptions();
  const keyring = { kind: 'local', key: new Secret(randomBytes(32).toString('base64')) } as const;
  const audit = createAuditStore(db);
  const expressions = createExpressions();
  const stores = {
    venues: createVenueStore(db),
    kinds,
    records: createRecordStores(db, kinds),
    summaries: createTransactionSummaryStore(db),
    connections: createConnectionStore(db, caps.connections),
    runs: createSyncRunStore(db),
    schedules: createScheduleStore(db, caps.schedules),
    plans: createPlanStore(db),
    budgets: createBudgetStatusStore(db),
    circuits: createCircuitStore(db),
    idempotency: createIdempotencyStore(db),
    connectionActions: createConnectionActionsStore(db, caps.connections),
    oauthTokens: createOAuthTokenStore({ db, audit }),
    audit,
    accountConnections: createAccountConnections(db),
    accessChecks: createAccessCheckStore(db),
    accountChoices: createAccountChoiceStore(db),
    mappings: createMappingStore(db),
    reach: createReachStore(db),
    expressions,
    mappingGateway: new RecordedMappings(),
    reportGateway: new RecordedReports(),
    webhookRegistrations: new RecordedRegistrations(),
    reportAnswers: createReportAnswerStore(db),
    reconciliations: createReconciliationStore(db),
    inbox: createInboxStore(eventDb),
    events: createVenueEventStore(db),
    subscriptions: createSubscriptionStore(db, caps.subscriptions),
    deliveries: createDeliveryListStore(db),
    pendingDeliveries: createDeliveryStore(db),
    webhookEndpoints: createWebhookEndpointStore(db),
    conflicts: createConflictStore(db, kinds),
    deadLetters: createDeadLetterStore(db),
    unsettledDeadLetters: createRetryStore(db),
  };
  const deps: AppDeps = {
    config: {
      publicUrl: PUBLIC_URL,
      returnUrls: [RETURN_URL],
      trustedProxies: [],
      jwt: { kind: 'secret', secret: new Secret(JWT_SECRET), maxLifeSeconds: 3_600 },
      rateLimits: WIDE_LIMITS,
      venueShares: {
        atomicLoads: 2,
        eventStreams: 200,
        databaseConnections: 8,
        startsPerSecond: 10,
        timeMsPerSecond: 400,
      },
      temporalUiUrl: UI_URL,
      temporalNamespace: 'default',
      developmentKeyring: true,
      allowLoopbackReceivers: false,
      ...options.config,
    },
    log: createLogger({
      name: 'test',
      level: 'trace',
      destination: {
        write: (line: string) => {
          logLines.push(line);
        },
      },
    }),
    clock: () => new Date(),
    ...stores,
    providers: createProviders(
      options.definitions ?? PROVIDERS,
      (options.providers ?? allApps(sandbox.apiUrl)) as ProvidersConfig,
      { budget: createBudgetStore(db) },
    ),
    sealer: createSealer(keyring),
    webhookSecrets: createWebhookSecretOpener(keyring),
    gateway,
    scheduleGateway,
    authorizationGateway: connectionGateway,
    states: createAuthorizationStates(randomBytes(32)),
    connectionGateway,
    inboxGateway,
    deadLetterGateway,
    subscriptionGateway,
    rotations: createSecretRotationStore(db, stores.audit),
    reconciliationGateway,
    reconciliationScheduleGateway: new RecordedReconciliationSchedules(),
    venueGateway,
    jobGateway: { startKeyRotation: (jobId) => gateway.startJob(jobId) },
    pingDatabase: () => db.execute(sql`select 1`),
    ...options.deps,
  };
  const admin = await aToken();
  let app = createApp(deps);
  let server = await startServer(app, { host: '127.0.0.1', port: 0, publicUrl: PUBLIC_URL });

  async function raw(
    method: string,
    path: string,
    { token = admin, json, body, headers = {} }: SendOptions = {},
  ): Promise<Response> {
    const content = json === undefined ? body : JSON.stringify(json);
    return fetch(`http://127.0.0.1:${server.port}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(content === undefined ? {} : { body: content }),
      ...(content instanceof ReadableStream ? { duplex: 'half' } : {}),
    });
  }

  async function send(method: string, path: string, sendOptions: SendOptions = {}): Promise<Answered> {
    const response = await raw(method, path, sendOptions);
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: (isJson ? JSON.parse(text) : {}) as AnswerBody,
    };
  }

  async function aVenue(name = 'A venue'): Promise<VenueId> {
    const venue = await stores.venues.create({ sourceId: null, name, timeZone: 'Europe/Berlin', currency: 'EUR' });
    if (venue === 'source-id-taken') throw new Error('a venue without a sourceId cannot clash');
    return venue.id;
  }

  async function aConnection(venueId: VenueId): Promise<string> {
    const answer = await send('POST', `/v1/venues/${venueId}/connections`, { json: aKey(sandbox.secretKey) });
    if (answer.status !== 201) throw new Error(`connecting answered ${answer.status}: ${answer.text}`);
    return answer.json.id;
  }

  return {
    ...stores,
    database,
    sandbox,
    stripe: sandboxControl(sandbox.controlUrl),
    progress: createSyncProgressStore(db, kinds),
    gateway,
    scheduleGateway,
    connectionGateway,
    reconciliationGateway,
    inboxGateway,
    venueGateway,
    deadLetterGateway,
    subscriptionGateway,
    logLines,
    raw,
    send,
    aVenue,
    aConnection,
    /** The environment in which the provider's app here can be given access. */
    environmentOf: (provider: ProviderId) => deps.providers.integration(provider).environment ?? 'sandbox',
    get endpoints() {
      return app.endpoints;
    },
    get webhookPaths() {
      return app.webhooks?.paths ?? [];
    },
    get express() {
      return app.express;
    },
    get port() {
      return server.port;
    },
    /** Handles the events of the inbox that are due, and records the signals in `connectionGateway.revoked`. */
    drain: () =>
      drainInbox(database, {
        providers: deps.providers,
        log: createLogger({ name: 'worker', level: 'trace', destination: { write: (line) => logLines.push(line) } }),
        // What Temporal's client throws: https://grpc.io/docs/guides/status-codes/ (2026-11-28), 14 is UNAVAILABLE.
        signalRevoked: (connection) =>
          connectionGateway.away
            ? Promise.reject(Object.assign(new Error('unavailable'), { code: 14 }))
            : connectionGateway.accessRevoked(connection),
      }),
    /** Simulates a restart: only what is stored survives. */
    async restart() {
      await server.stop();
      app = createApp(deps);
      server = await startServer(app, { host: '127.0.0.1', port: 0, publicUrl: PUBLIC_URL });
    },
    async close() {
      await server.stop();
      await Promise.all([sandbox.close(), database.drop(), expressions.close()]);
    },
  };
}

export type ApiWorld = Awaited<ReturnType<typeof createApiWorld>>;

export const aKey = (secretKey: string, environment = 'sandbox') => ({
  provider: 'stripe',
  environment,
  credentials: { secretKey },
});
