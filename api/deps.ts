import { Client, Connection } from '@temporalio/client';
import { sql } from 'drizzle-orm';
import type { ApiConfig } from '../config/config.ts';
import { POOLS, READ_CONNECTIONS, WRITE_CONNECTIONS } from '../config/limit-variables.ts';
import { temporalConnectionOptions } from '../config/temporal-options.ts';
import type { ProviderId } from '../contracts/providers.ts';
import { createAccountChoiceStore } from '../db/connections/account-choice-store.ts';
import { createAuditStore } from '../db/core/audit-store.ts';
import { createBudgetStatusStore } from '../db/budgets/budget-status-store.ts';
import { createBudgetStore } from '../db/budgets/budget-store.ts';
import { createCircuitStore } from '../db/budgets/circuit-store.ts';
import { createConnectionActionsStore } from '../db/connections/connection-actions-store.ts';
import { createConnectionStore } from '../db/connections/connection-store.ts';
import { createReachStore } from '../db/connections/reach-store.ts';
import { createMappingStore } from '../db/mappings/mapping-store.ts';
import { createIdempotencyStore } from '../db/core/idempotency-store.ts';
import { createRecordStores } from '../db/records/record-store.ts';
import { createDeadLetterStore } from '../db/dead-letters/dead-letter-store.ts';
import { createConflictStore } from '../db/conflicts/conflict-store.ts';
import { createReportAnswerStore } from '../db/reports/report-answer-store.ts';
import { createReconciliationStore } from '../db/reconciliation/reconciliation-store.ts';
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
import type { Database } from '../db/core/venue-scope.ts';
import { createInboxStore } from '../db/webhooks/inbox-store.ts';
import { createVenueEventStore } from '../db/webhooks/venue-event-store.ts';
import { createWebhookEndpointStore } from '../db/webhooks/webhook-endpoint-store.ts';
import { CIRCUIT_LIMITS } from '../domain/circuits/circuit.ts';
import { createCircuits } from '../providers/limits/circuits.ts';
import { createExpressions } from '../expressions/expressions.ts';
import type { Providers } from '../providers/providers.ts';
import { hasDaysAlone } from '../providers/reconciles.ts';
import { createProviders } from '../providers/registry.ts';
import type { Registries } from '../providers/registry.ts';
import type { Logger } from '../telemetry/logger.ts';
import { watchCircuits } from '../telemetry/provider-metrics.ts';
import { createDeliveryStore } from '../db/outgoing/delivery-store.ts';
import { createRetryStore } from '../db/dead-letters/retry-store.ts';
import { createDeliveryListStore } from '../db/outgoing/delivery-list-store.ts';
import { createSubscriptionStore } from '../db/outgoing/subscription-store.ts';
import { watchPool } from '../telemetry/metrics.ts';
import { createSealer } from '../vault/sealer.ts';
import { checkKeyAccess } from '../vault/startup-check.ts';
import { createWebhookSecretOpener } from '../vault/webhook-secret-opener.ts';
import type { AppConfig, AppDeps } from './app.ts';
import { createAuthorizationGateway } from './temporal/authorization-gateway.ts';
import { createAuthorizationStates } from './connections/authorization-states.ts';
import { createConnectionGateway } from './temporal/connection-gateway.ts';
import { createDeadLetterGateway } from './temporal/dead-letter-gateway.ts';
import { createInboxGateway } from './temporal/inbox-gateway.ts';
import { createJobGateway } from './temporal/job-gateway.ts';
import { createReconciliationScheduleGateway } from './temporal/reconciliation-schedule-gateway.ts';
import { createReconciliationGateway } from './temporal/reconciliation-gateway.ts';
import { createMappingGateway } from './temporal/mapping-gateway.ts';
import { createWebhookRegistrationGateway } from './temporal/webhook-registration-gateway.ts';
import { createReportGateway } from './temporal/report-gateway.ts';
import { createScheduleGateway } from './temporal/schedule-gateway.ts';
import { createSubscriptionGateway } from './temporal/subscription-gateway.ts';
import { createVenueGateway } from './temporal/venue-gateway.ts';
import { createSyncGateway } from './temporal/sync-gateway.ts';

export interface ApiDeps extends AppDeps {
  /** Closes the database. The connection to Temporal stays open: see `temporalConnection`. */
  close(): Promise<void>;
  /**
   * Stays open until the process ends: after it is closed, a call that the SDK retries throws where nothing can catch
   * it (@temporalio/client 1.24.0, lib/grpc-retry.js).
   */
  readonly temporalConnection: Connection;
}

/**
 * Builds everything that the API consists of, for the providers and kinds of record of `registries`. Throws when the
 * database is not prepared.
 */
export async function createApiDeps(config: ApiConfig, log: Logger, registries: Registries): Promise<ApiDeps> {
  const db = await openApiDatabase(config);
  const eventDb = openEventDatabase(config);
  const sealer = createSealer(config.keyring);
  const keyAccess = await checkKeyAccess(sealer);
  if (keyAccess.state === 'unavailable')
    log.warn({ code: keyAccess.code }, 'the key service does not answer: until it does, nothing can be connected');

  const { kinds } = registries;
  const { venueCaps } = config;
  const circuitStore = createCircuitStore(db);
  const circuits = createCircuits(circuitStore, { ...CIRCUIT_LIMITS, openMs: config.circuitOpenMs });
  const providers = createProviders(registries.providers, config.providers, {
    budget: createBudgetStore(db),
    circuits,
  });
  watchCircuits(providers.ids, circuitStore);
  // Lazy, so that the API serves requests that need no Temporal before Temporal is up; readiness shows the difference.
  const connection = Connection.lazy(await temporalConnectionOptions(config.temporal));
  const { namespace } = config.temporal;
  const temporal = {
    client: new Client({ connection, namespace }),
    connection,
    providerName: (provider: ProviderId): string => providers.find(provider)?.capabilities.displayName ?? provider,
  };
  const audit = createAuditStore(db);
  const expressions = createExpressions();
  return {
    config: appConfigOf(config),
    log,
    clock: () => new Date(),
    venues: createVenueStore(db),
    kinds,
    records: createRecordStores(db, kinds),
    summaries: createTransactionSummaryStore(db, providersWithDaysAlone(providers)),
    connections: createConnectionStore(db, venueCaps.connections),
    connectionActions: createConnectionActionsStore(db, venueCaps.connections),
    // The API only reads when grants expire and refreshes nothing.
    oauthTokens: createOAuthTokenStore({ db, audit }),
    authorizationGateway: createAuthorizationGateway(temporal),
    states: createAuthorizationStates(await readStateKey(db)),
    connectionGateway: createConnectionGateway(temporal),
    accountChoices: createAccountChoiceStore(db),
    mappings: createMappingStore(db),
    reach: createReachStore(db),
    expressions,
    mappingGateway: createMappingGateway(temporal),
    reportGateway: createReportGateway(temporal),
    webhookRegistrations: createWebhookRegistrationGateway(temporal),
    reportAnswers: createReportAnswerStore(db),
    inbox: createInboxStore(eventDb),
    events: createVenueEventStore(db),
    subscriptions: createSubscriptionStore(db, venueCaps.subscriptions),
    deliveries: createDeliveryListStore(db),
    pendingDeliveries: createDeliveryStore(db),
    subscriptionGateway: createSubscriptionGateway(temporal),
    webhookEndpoints: createWebhookEndpointStore(db),
    webhookSecrets: createWebhookSecretOpener(config.keyring),
    inboxGateway: createInboxGateway(temporal),
    runs: createSyncRunStore(db),
    plans: createPlanStore(db),
    budgets: createBudgetStatusStore(db),
    circuits: circuitStore,
    idempotency: createIdempotencyStore(db),
    audit,
    providers,
    sealer,
    gateway: createSyncGateway({ ...temporal, namespace }),
    schedules: createScheduleStore(db, venueCaps.schedules),
    scheduleGateway: createScheduleGateway(temporal),
    rotations: createSecretRotationStore(db, audit),
    jobGateway: createJobGateway(temporal),
    venueGateway: createVenueGateway(temporal),
    conflicts: createConflictStore(db, kinds),
    deadLetters: createDeadLetterStore(db),
    unsettledDeadLetters: createRetryStore(db),
    deadLetterGateway: createDeadLetterGateway(temporal),
    reconciliations: createReconciliationStore(db),
    reconciliationGateway: createReconciliationGateway(temporal),
    reconciliationScheduleGateway: createReconciliationScheduleGateway(temporal),
    pingDatabase: () => db.execute(sql`select 1`),
    temporalConnection: connection,
    close: async () => {
      await Promise.all([...[db, eventDb].map(({ $client }) => $client.end({ timeout: 5 })), expressions.close()]);
    },
  };
}

async function openApiDatabase({ databaseUrl, venueShares }: ApiConfig): Promise<Database> {
  const db = openDatabase({
    url: databaseUrl,
    maxConnections: POOLS.databaseConnections,
    readConnections: READ_CONNECTIONS,
    writeConnections: WRITE_CONNECTIONS,
    connectionsPerVenue: venueShares.databaseConnections,
    applicationName: 'interlock-api',
  });
  await checkDatabase(db);
  watchPool('database-connections', db.venueShares);
  return db;
}

/** Connections of their own, so that no venue's requests delay an acknowledgement. One at a time stores what has arrived. */
const openEventDatabase = ({ databaseUrl }: ApiConfig): Database =>
  openDatabase({ url: databaseUrl, maxConnections: 3, keepsPlans: true, applicationName: 'interlock-api-events' });

function appConfigOf({ publicUrl, returnUrls, trustedProxies, jwt, rateLimits, ...config }: ApiConfig): AppConfig {
  return {
    ...{ publicUrl, returnUrls, trustedProxies, jwt, rateLimits },
    venueShares: config.venueShares,
    temporalUiUrl: config.temporalUiUrl,
    temporalNamespace: config.temporal.namespace,
    allowLoopbackReceivers: config.allowLoopbackReceivers,
    developmentKeyring: config.keyring.kind === 'local',
  };
}

const providersWithDaysAlone = (providers: Providers): readonly ProviderId[] =>
  providers.ids.filter((id) => {
    const adapter = providers.find(id);
    return adapter !== null && hasDaysAlone(adapter);
  });
