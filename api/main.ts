import { Client, Connection } from '@temporalio/client';
import { sql } from 'drizzle-orm';
import { exitOnConfigError } from '../config/config-error.ts';
import { readApiConfig } from '../config/config.ts';
import { POOLS } from '../config/limit-variables.ts';
import { temporalConnectionOptions } from '../config/temporal-options.ts';
import type { ProviderId } from '../contracts/providers.ts';
import { createAccountChoiceStore } from '../db/connections/account-choice-store.ts';
import { createAccountConnections } from '../db/connections/account-connections.ts';
import { createAuditStore } from '../db/core/audit-store.ts';
import { createBudgetStatusStore } from '../db/budgets/budget-status-store.ts';
import { createBudgetStore } from '../db/budgets/budget-store.ts';
import { createCircuitStore } from '../db/budgets/circuit-store.ts';
import { createConnectionActionsStore } from '../db/connections/connection-actions-store.ts';
import { createConnectionStore } from '../db/connections/connection-store.ts';
import { createIdempotencyStore } from '../db/core/idempotency-store.ts';
import { createRecordStores } from '../db/records/record-store.ts';
import { createOAuthTokenStore } from '../db/connections/oauth-token-store.ts';
import { createPlanStore } from '../db/runs/plan-store.ts';
import { createScheduleStore } from '../db/runs/schedule-store.ts';
import { readStateKey } from '../db/core/service-keys.ts';
import { checkDatabase } from '../db/core/startup-check.ts';
import { createSecretRotationStore } from '../db/connections/secret-rotation-store.ts';
import { createSyncRunStore } from '../db/runs/sync-run-store.ts';
import { createTransactionSummaryStore } from '../db/records/transaction-summary-store.ts';
import { createVenueStore } from '../db/core/venue-store.ts';
import { openDatabase } from '../db/core/venue-scope.ts';
import { createWebhookDeliveryStore } from '../db/webhooks/webhook-delivery-store.ts';
import { CIRCUIT_LIMITS } from '../domain/circuits/circuit.ts';
import { createCircuits } from '../providers/circuits.ts';
import { createProviders, PROVIDERS } from '../providers/registry.ts';
import { RECORD_KINDS } from '../records/registry.ts';
import { exitOnUncaught } from '../telemetry/exit-on-uncaught.ts';
import { createLogger } from '../telemetry/logger.ts';
import { startInternalServer } from '../telemetry/metrics-server.ts';
import { watchPool } from '../telemetry/metrics.ts';
import { createSealer } from '../vault/sealer.ts';
import { checkKeyAccess } from '../vault/startup-check.ts';
import { createApp } from './app.ts';
import { createAuthorizationGateway } from './temporal/authorization-gateway.ts';
import { createAuthorizationStates } from './connections/authorization-states.ts';
import { createConnectionGateway } from './temporal/connection-gateway.ts';
import { createJobGateway } from './temporal/job-gateway.ts';
import { createScheduleGateway } from './temporal/schedule-gateway.ts';
import { startServer } from './http/server.ts';
import { createSyncGateway } from './temporal/sync-gateway.ts';

// The composition root: the one file that sees every room. It wires and starts; it decides nothing.
const config = exitOnConfigError(() => readApiConfig(process.env, PROVIDERS));
const log = createLogger({ name: 'api', level: config.logLevel });
exitOnUncaught(log);
// Stripe's notices and hints would stand between the lines of a structured log.
process.env['STRIPE_SUPPRESS_NOTICES'] = 'true';

const developmentKeyring = config.keyring.kind === 'local';
if (developmentKeyring)
  log.warn({}, 'credentials are sealed under a key of this machine (MOCK_KMS=true): for development only');

const db = openDatabase({
  url: config.databaseUrl,
  maxConnections: POOLS.databaseConnections,
  connectionsPerVenue: config.venueShares.databaseConnections,
  applicationName: 'interlock-api',
});
await checkDatabase(db);
watchPool('database-connections', db.venueShares);
const sealer = createSealer(config.keyring);
const keyAccess = await checkKeyAccess(sealer);
if (keyAccess.state === 'unavailable')
  log.warn({ code: keyAccess.code }, 'the key service does not answer: until it does, nothing can be connected');

const circuitStore = createCircuitStore(db);
const circuits = createCircuits(circuitStore, { ...CIRCUIT_LIMITS, openMs: config.circuitOpenMs });
const providers = createProviders(PROVIDERS, config.providers, { budget: createBudgetStore(db), circuits });
// Lazy: the API serves what needs no Temporal while Temporal is still coming; readiness tells.
const connection = Connection.lazy(await temporalConnectionOptions(config.temporal));
const { namespace } = config.temporal;
const client = new Client({ connection, namespace });
const temporal = {
  client,
  connection,
  providerName: (provider: ProviderId): string => providers.find(provider)?.capabilities.displayName ?? provider,
};
const idempotency = createIdempotencyStore(db);
const audit = createAuditStore(db);
const deliveries = createWebhookDeliveryStore(db);

const app = createApp({
  config: {
    publicUrl: config.publicUrl,
    returnUrls: config.returnUrls,
    trustedProxies: config.trustedProxies,
    jwt: config.jwt,
    rateLimits: config.rateLimits,
    venueShares: config.venueShares,
    temporalUiUrl: config.temporalUiUrl,
    temporalNamespace: namespace,
    developmentKeyring,
  },
  log,
  clock: () => new Date(),
  venues: createVenueStore(db),
  kinds: RECORD_KINDS,
  records: createRecordStores(db, RECORD_KINDS),
  summaries: createTransactionSummaryStore(db),
  connections: createConnectionStore(db),
  connectionActions: createConnectionActionsStore(db),
  // The API refreshes nothing: it only reads when grants end.
  oauthTokens: createOAuthTokenStore({ db, audit }),
  authorizationGateway: createAuthorizationGateway(temporal),
  states: createAuthorizationStates(await readStateKey(db)),
  connectionGateway: createConnectionGateway(temporal),
  accountConnections: createAccountConnections(db),
  accountChoices: createAccountChoiceStore(db),
  deliveries,
  runs: createSyncRunStore(db),
  plans: createPlanStore(db),
  budgets: createBudgetStatusStore(db),
  circuits: circuitStore,
  idempotency,
  audit,
  providers,
  sealer,
  gateway: createSyncGateway({ ...temporal, namespace }),
  schedules: createScheduleStore(db),
  scheduleGateway: createScheduleGateway(temporal),
  rotations: createSecretRotationStore(db, audit),
  jobGateway: createJobGateway(temporal),
  pingDatabase: () => db.execute(sql`select 1`),
});

const server = await startServer(app, { host: config.host, port: config.port, publicUrl: config.publicUrl, log });
const metrics =
  config.metricsPort === null ? null : startInternalServer({ host: config.host, port: config.metricsPort });
log.info({ host: config.host, port: server.port }, 'api is ready');

let stopping = false;
const stop = (): void => {
  if (stopping) return;
  stopping = true;
  void (async () => {
    await server.stop();
    metrics?.close();
    // The connection to Temporal is left to the end of the process: once it is closed, a call that its SDK repeats throws where nobody can catch
    // it (@temporalio/client 1.24.0, lib/grpc-retry.js).
    await db.$client.end({ timeout: 5 });
    log.info({}, 'api has stopped');
    process.exit(0);
  })();
};
process.on('SIGTERM', stop).on('SIGINT', stop);
// Started as a child: without its parent nobody would stop it.
process.once('disconnect', stop);
