import type { ActivateConnectionDeps } from '../activities/connections/activate-connection.ts';
import type { VenueClosingDeps } from '../activities/venues/close-venue.ts';
import type { AuthorizingDeps } from '../activities/connections/authorize-connection.ts';
import type { ConnectionUpkeepDeps } from '../activities/connections/connection-upkeep.ts';
import { createCredentials } from '../activities/connections/credentials.ts';
import type { DisconnectingDeps, RevokingDeps } from '../activities/connections/disconnect.ts';
import type { ReconcileChunkDeps } from '../activities/reconciliation/reconcile-chunk.ts';
import type { ReconciliationControlDeps } from '../activities/reconciliation/reconciliation-control.ts';
import type { RepairDeps } from '../activities/reconciliation/repair.ts';
import type { WebhookRegistrationDeps } from '../activities/connections/webhook-registration.ts';
import type { ReportDeps } from '../activities/reports/fetch-report.ts';
import type { DeliveringDeps } from '../activities/outgoing/deliver-webhooks.ts';
import { createWebhookSender } from '../activities/outgoing/send-webhook.ts';
import type { DeadLetterDeps } from '../activities/dead-letters/retry-dead-letters.ts';
import type { SilentWorkDeps } from '../activities/inbox/silent-work.ts';
import type { ConnectionSweepDeps } from '../activities/inbox/sweep-connections.ts';
import type { EventFeedDeps } from '../activities/inbox/compare-events.ts';
import type { InboxDeps } from '../activities/inbox/drain-inbox.ts';
import type { RetentionDeps } from '../activities/retention/remove-expired.ts';
import type { MappingTrialDeps } from '../activities/mappings/try-mapping.ts';
import type { TestingDeps } from '../activities/connections/test-credentials.ts';
import type { KeyRotationDeps } from '../activities/vault/key-rotation.ts';
import type { RefreshingDeps } from '../activities/connections/refresh-grant.ts';
import type { SchedulingDeps } from '../activities/sync/schedules.ts';
import type { ProbeGrantDeps } from '../activities/connections/probe-grant.ts';
import type { SyncChunkDeps } from '../activities/sync/sync-chunk.ts';
import type { SyncControlDeps } from '../activities/sync/sync-control.ts';
import type { WorkerConfig } from '../config/config.ts';
import { createAbandonedGrants } from '../activities/connections/abandoned-grants.ts';
import { createAccessCheckStore } from '../db/connections/access-check-store.ts';
import { createAccountConnections } from '../db/connections/account-connections.ts';
import { createAccountChoiceStore } from '../db/connections/account-choice-store.ts';
import { createAuditStore } from '../db/core/audit-store.ts';
import { createAuthorizationExchangeStore } from '../db/connections/authorization-exchange-store.ts';
import { createAuthorizationStore } from '../db/connections/authorization-store.ts';
import { createBrakeStore } from '../db/budgets/brake-store.ts';
import type { BrakeStore } from '../db/budgets/brake-store.ts';
import { createBudgetStatusStore } from '../db/budgets/budget-status-store.ts';
import { createBudgetStore } from '../db/budgets/budget-store.ts';
import { createCircuitStore } from '../db/budgets/circuit-store.ts';
import { createConnectionStore } from '../db/connections/connection-store.ts';
import { createDisconnectionStore } from '../db/connections/disconnection-store.ts';
import { createOAuthTokenStore } from '../db/connections/oauth-token-store.ts';
import { createReachStore } from '../db/connections/reach-store.ts';
import { createMappingStore } from '../db/mappings/mapping-store.ts';
import { createPullStore } from '../db/pull/pull-store.ts';
import type { PullStore } from '../db/pull/pull-store.ts';
import { createPushStore } from '../db/push/push-store.ts';
import { createReconciliationProgressStore } from '../db/reconciliation/reconciliation-progress-store.ts';
import { createReconciliationStore } from '../db/reconciliation/reconciliation-store.ts';
import { createWebhookEndpointStore } from '../db/webhooks/webhook-endpoint-store.ts';
import { createReportAnswerStore } from '../db/reports/report-answer-store.ts';
import { createRepairStore } from '../db/reconciliation/repair-store.ts';
import { createRetentionStore } from '../db/core/retention-store.ts';
import { createScheduleStore } from '../db/runs/schedule-store.ts';
import { checkDatabase } from '../db/core/startup-check.ts';
import { createSecretRotationStore } from '../db/connections/secret-rotation-store.ts';
import { createSyncMissingStore } from '../db/pull/sync-missing.ts';
import { createSilentWorkStore } from '../db/runs/silent-work-store.ts';
import { createSyncSilenceStore } from '../db/runs/sync-silence-store.ts';
import { createSyncProgressStore } from '../db/runs/sync-progress-store.ts';
import { createSyncRunStore } from '../db/runs/sync-run-store.ts';
import { createEventFeedStore } from '../db/webhooks/event-feed-store.ts';
import { createEventRecordStore } from '../db/webhooks/event-record-store.ts';
import { createDeliveryStore } from '../db/outgoing/delivery-store.ts';
import { createRetryStore } from '../db/dead-letters/retry-store.ts';
import { createInboxStore } from '../db/webhooks/inbox-store.ts';
import { openDatabase } from '../db/core/venue-scope.ts';
import { createVenueStore } from '../db/core/venue-store.ts';
import { createVenueClosingStore } from '../db/closing/venue-closing-store.ts';
import { createWorkerPresence } from '../db/runs/worker-presence.ts';
import type { WorkerPresence } from '../db/runs/worker-presence.ts';
import { createExpressions } from '../expressions/expressions.ts';
import { CIRCUIT_LIMITS } from '../domain/circuits/circuit.ts';
import { createCircuits } from '../providers/limits/circuits.ts';
import { LOOPBACK, guardedFetch } from '../providers/kit/address-guard.ts';
import { createProviders } from '../providers/registry.ts';
import type { Registries } from '../providers/registry.ts';
import type { Logger } from '../telemetry/logger.ts';
import { watchDeadLetters } from '../telemetry/dead-letter-metrics.ts';
import { watchPool } from '../telemetry/metrics.ts';
import { watchDeliveries } from '../telemetry/outgoing-metrics.ts';
import { watchAppWindows, watchCircuits, watchInbox } from '../telemetry/provider-metrics.ts';
import { createOpener } from '../vault/opener.ts';
import { createResealer } from '../vault/resealer.ts';
import { createSealer } from '../vault/sealer.ts';
import { checkKeyAccess } from '../vault/startup-check.ts';
import { appWindowSource } from './app-windows.ts';

export type WorkerDeps = SyncChunkDeps &
  MappingTrialDeps &
  ProbeGrantDeps &
  SyncControlDeps &
  SchedulingDeps &
  KeyRotationDeps &
  ReconcileChunkDeps &
  ReconciliationControlDeps &
  RepairDeps &
  ReportDeps &
  RetentionDeps &
  InboxDeps &
  EventFeedDeps &
  ConnectionSweepDeps &
  SilentWorkDeps &
  DeliveringDeps &
  DeadLetterDeps &
  RefreshingDeps &
  ConnectionUpkeepDeps &
  AuthorizingDeps &
  ActivateConnectionDeps &
  DisconnectingDeps &
  VenueClosingDeps &
  RevokingDeps &
  TestingDeps &
  WebhookRegistrationDeps & {
    readonly brakes: BrakeStore;
    readonly presence: WorkerPresence;
    /** `pulls` over connections of their own. */
    readonly bulkPulls: PullStore;
    close(): Promise<void>;
  };

/** How long a chunk works before it returns to the workflow, which records its progress and requests the next. */
const CHUNK_MS = 3 * 60_000;
/**
 * Pool size for chunks: each running chunk holds at most two connections, plus one briefly for each call that asks the
 * budget.
 */
const MAX_CONNECTIONS = 20;
const MAX_CONNECTIONS_OF_A_VENUE = 14;
/** One for each partition's drainer, and two for events that failed, sweeps and metrics. */
const MAX_EVENT_CONNECTIONS = 6;
/**
 * For reservations of calls, which take one short statement each. On the pool for chunks, the first page of a run that
 * splits its listing opened a connection for each reader, and waited for all those logins.
 */
const MAX_BUDGET_CONNECTIONS = 3;
/** For commits of bulk pulls, which go one at a time: a session that has made one takes less for the next. */
const MAX_BULK_PULL_CONNECTIONS = 2;

function openPools({ databaseUrl: url }: Pick<WorkerConfig, 'databaseUrl'>) {
  return {
    db: openDatabase({
      url,
      maxConnections: MAX_CONNECTIONS,
      connectionsPerVenue: MAX_CONNECTIONS_OF_A_VENUE,
      applicationName: 'interlock-worker',
    }),
    budgetDb: openDatabase({
      url,
      maxConnections: MAX_BUDGET_CONNECTIONS,
      applicationName: 'interlock-worker-budget',
    }),
    bulkPullDb: openDatabase({
      url,
      maxConnections: MAX_BULK_PULL_CONNECTIONS,
      // Whoever commits waits in the order of arrival, whatever its venue.
      connectionsPerVenue: Infinity,
      applicationName: 'interlock-worker-bulk-pulls',
    }),
    eventDb: openDatabase({
      url,
      maxConnections: MAX_EVENT_CONNECTIONS,
      keepsPlans: true,
      applicationName: 'interlock-worker-events',
    }),
  };
}

/** Everything that the worker is made of, for the providers and kinds of record of `registries`. Throws when the database is not prepared. */
export async function createDeps(
  config: Omit<WorkerConfig, 'retention'>,
  log: Logger,
  { providers: definitions, kinds }: Registries,
): Promise<WorkerDeps> {
  const { db, budgetDb, bulkPullDb, eventDb } = openPools(config);
  await checkDatabase(db);
  watchPool('database-connections', db.venueShares);
  const vault = createOpener(config.keyring);
  const sealer = createSealer(config.keyring);
  const keyAccess = await checkKeyAccess(sealer, vault);
  if (keyAccess.state === 'unavailable')
    log.warn({ code: keyAccess.code }, 'the key service does not answer: until it does, no credentials can be opened');
  const presence = await createWorkerPresence(config.databaseUrl);
  const audit = createAuditStore(db);
  const expressions = createExpressions();
  const connections = createConnectionStore(db);
  const exchanges = createAuthorizationExchangeStore(db);
  const accountConnections = createAccountConnections(db);
  const tokens = createOAuthTokenStore({ db, audit });
  const circuitStore = createCircuitStore(db);
  const circuits = createCircuits(circuitStore, { ...CIRCUIT_LIMITS, openMs: config.circuitOpenMs });
  const providers = createProviders(definitions, config.providers, {
    budget: createBudgetStore(budgetDb),
    circuits,
  });
  watchCircuits(providers.ids, circuitStore);
  watchAppWindows(appWindowSource(providers, createBudgetStatusStore(db)));
  const deliveries = createDeliveryStore(db);
  watchDeliveries(deliveries);
  const inbox = createInboxStore(eventDb);
  watchInbox(inbox);
  const retries = createRetryStore(db);
  watchDeadLetters(retries);
  return {
    audit,
    brakes: createBrakeStore(db),
    accountConnections,
    accessChecks: createAccessCheckStore(db),
    accountChoices: createAccountChoiceStore(db),
    connections,
    tokens,
    authorizations: createAuthorizationStore(db, { tokens, audit }),
    exchanges,
    abandonedGrants: createAbandonedGrants({ exchanges, accountConnections, providers, vault, log }),
    disconnections: createDisconnectionStore(db, audit, kinds),
    credentials: createCredentials({ connections, tokens, providers, vault, audit }),
    runs: createSyncRunStore(db),
    schedules: createScheduleStore(db, config.maxSchedulesPerVenue),
    progress: createSyncProgressStore(db, kinds),
    pulls: createPullStore(db, kinds),
    bulkPulls: createPullStore(bulkPullDb, kinds),
    pushes: createPushStore(db, kinds),
    missing: createSyncMissingStore(db),
    mappings: createMappingStore(db),
    reportAnswers: createReportAnswerStore(db),
    webhookEndpoints: createWebhookEndpointStore(db),
    reach: createReachStore(db),
    expressions,
    kinds,
    inbox,
    eventFeeds: createEventFeedStore(db),
    eventRecords: createEventRecordStore(eventDb, kinds),
    silences: createSyncSilenceStore(db),
    silentWork: createSilentWorkStore(db),
    staleAfterMs: config.staleAfterMs,
    deliveries,
    sendWebhook: createWebhookSender({ fetch: guardedFetch(config.allowLoopbackReceivers ? LOOPBACK : []) }),
    retries,
    providers,
    vault,
    sealer,
    venues: createVenueStore(db),
    closings: createVenueClosingStore(db, audit, kinds),
    reconciliations: createReconciliationStore(db),
    reconciliationProgress: createReconciliationProgressStore(db),
    repairs: createRepairStore({ db, kinds, audit }),
    retention: createRetentionStore(db),
    rotations: createSecretRotationStore(db, audit),
    resealer: createResealer(config.keyring),
    log,
    chunkMs: CHUNK_MS,
    workerKey: presence.workerKey,
    presence,
    async close() {
      await Promise.all([
        ...[db, eventDb, budgetDb, bulkPullDb].map(({ $client }) => $client.end({ timeout: 5 })),
        presence.close(),
        expressions.close(),
      ]);
    },
  };
}
