import express from 'express';
import type { Express, RequestHandler } from 'express';
import type { JwtConfig, RateLimitConfig, VenueShareConfig } from '../config/config.ts';
import { POOLS } from '../config/limit-variables.ts';
import type { ConnectionRef } from '../contracts/ids.ts';
import type { AccountChoiceStore } from '../db/connections/account-choice-store.ts';
import type { AuditStore } from '../db/core/audit-store.ts';
import type { BudgetStatusStore } from '../db/budgets/budget-status-store.ts';
import type { CircuitStore } from '../db/budgets/circuit-store.ts';
import type { ConnectionActionsStore } from '../db/connections/connection-actions-store.ts';
import type { ConnectionStore } from '../db/connections/connection-store.ts';
import type { ReachStore } from '../db/connections/reach-store.ts';
import type { MappingStore } from '../db/mappings/mapping-store.ts';
import type { IdempotencyStore } from '../db/core/idempotency-store.ts';
import type { OAuthTokenStore } from '../db/connections/oauth-token-store.ts';
import type { ConflictStore } from '../db/conflicts/conflict-store.ts';
import type { ReconciliationStore } from '../db/reconciliation/reconciliation-store.ts';
import type { ReportAnswerStore } from '../db/reports/report-answer-store.ts';
import type { RecordStores } from '../db/records/record-store.ts';
import type { PlanStore } from '../db/runs/plan-store.ts';
import type { ScheduleStore } from '../db/runs/schedule-store.ts';
import type { SecretRotationStore } from '../db/connections/secret-rotation-store.ts';
import type { SyncRunStore } from '../db/runs/sync-run-store.ts';
import type { TransactionSummaryStore } from '../db/records/transaction-summary-store.ts';
import type { VenueStore } from '../db/core/venue-store.ts';
import type { InboxStore } from '../db/webhooks/inbox-store.ts';
import type { RetryStore } from '../db/dead-letters/retry-store.ts';
import type { DeliveryStore } from '../db/outgoing/delivery-store.ts';
import { currentKeyOf } from '../vault/wrapping-key.ts';
import type { VenueEventStore } from '../db/webhooks/venue-event-store.ts';
import type { DeliveryListStore } from '../db/outgoing/delivery-list-store.ts';
import type { SubscriptionStore } from '../db/outgoing/subscription-store.ts';
import type { WebhookEndpointStore } from '../db/webhooks/webhook-endpoint-store.ts';
import { createReturnUrls } from '../domain/grants/return-url.ts';
import type { ReturnUrls } from '../domain/grants/return-url.ts';
import { FairQueue } from '../domain/limits/fair-queue.ts';
import { VenueShares } from '../domain/limits/venue-shares.ts';
import type { Expressions } from '../expressions/expressions.ts';
import type { Providers } from '../providers/providers.ts';
import type { RecordKinds } from '../records/registry.ts';
import { watchPool } from '../telemetry/metrics.ts';
import type { Sealer } from '../vault/vault.ts';
import type { WebhookSecretOpener } from '../vault/webhook-secret-opener.ts';
import { logAccess } from './http/access-log.ts';
import { commonHeaders } from './http/common-headers.ts';
import { ApiError } from './errors/api-error.ts';
import { createAtomicLoadSlots } from './records/atomic-load-slots.ts';
import { createAuditTrail } from './admin/audit-trail.ts';
import type { AuditTrail } from './admin/audit-trail.ts';
import { createAuthenticator } from './auth/authentication.ts';
import type { AuthorizationGateway } from './temporal/authorization-gateway.ts';
import { createAuthorizationLinks } from './connections/authorization-link.ts';
import type { AuthorizationStates } from './connections/authorization-states.ts';
import { createBrowserBinding } from './connections/browser-binding.ts';
import type { ConnectionGateway } from './temporal/connection-gateway.ts';
import { docsRouter } from './openapi/docs-page.ts';
import type { Endpoint } from './http/endpoint.ts';
import { createRunner } from './http/endpoint-runner.ts';
import { createErrorAnswer, createErrorHandler } from './errors/error-handler.ts';
import type { EventStream } from './http/event-stream.ts';
import { createDeepHealth } from './health/deep-health.ts';
import { createReadiness, live, READINESS_TIMEOUT_MS } from './health/readiness.ts';
import { createIdempotency } from './http/idempotency.ts';
import type { DeadLetterStore } from '../db/dead-letters/dead-letter-store.ts';
import type { DeadLetterGateway } from './temporal/dead-letter-gateway.ts';
import type { InboxGateway } from './temporal/inbox-gateway.ts';
import type { JobGateway } from './temporal/job-gateway.ts';
import type { VenueGateway } from './temporal/venue-gateway.ts';
import type { Log } from './http/log.ts';
import { mount, mountGet } from './http/mount.ts';
import { createReadFront } from './http/read-front.ts';
import type { ReadFront } from './http/read-front.ts';
import { oauthCallbackRouter } from './connections/oauth-callback.ts';
import type { ConnectionNames } from './connections/oauth-outcome-pages.ts';
import { buildOpenApi } from './openapi/openapi.ts';
import { createRateLimits } from './auth/rate-limits.ts';
import { requestContext } from './http/request-context.ts';
import type { Middleware } from './http/request-context.ts';
import { adminRoutes } from './routes/admin-routes.ts';
import { auditRoute } from './routes/audit-routes.ts';
import { connectionRoutes } from './routes/connections/connection-routes.ts';
import { connectionActionRoutes } from './routes/connections/connection-action-routes.ts';
import { recordBatchRoute } from './routes/records/record-batch-route.ts';
import type { RecordBatchRouteDeps } from './routes/records/record-batch-route.ts';
import { recordRoutes } from './routes/records/record-routes.ts';
import { createRetryStarter } from './dead-letters/retry-starter.ts';
import { deadLetterRoutes } from './routes/webhooks/dead-letter-action-routes.ts';
import { deliveryRoutes } from './routes/webhooks/delivery-routes.ts';
import { subscriptionRoutes } from './routes/webhooks/subscription-routes.ts';
import { eventRoutes } from './routes/webhooks/event-routes.ts';
import { grantAccountRoutes } from './routes/connections/grant-account-routes.ts';
import { mappingRoutes } from './routes/connections/mapping-routes.ts';
import { integrationRoutes } from './routes/connections/integration-routes.ts';
import { reconciliationScheduleRoutes } from './routes/reconciliation/reconciliation-schedule-routes.ts';
import { reportRoute } from './routes/connections/report-routes.ts';
import { reachRoutes } from './routes/connections/reach-routes.ts';
import { conflictRoutes } from './routes/records/conflict-routes.ts';
import { reconciliationRoutes } from './routes/reconciliation/reconciliation-routes.ts';
import { reauthorizationRoute } from './routes/connections/reauthorization-routes.ts';
import { scheduleRoutes } from './routes/syncs/schedule-routes.ts';
import { syncEventsRoute } from './routes/syncs/sync-events-route.ts';
import { syncPlanRoutes } from './routes/syncs/sync-plan-routes.ts';
import { syncRoutes } from './routes/syncs/sync-routes.ts';
import { syncActionRoutes } from './routes/syncs/sync-action-routes.ts';
import { transactionSummaryRoute } from './routes/records/transaction-summary-route.ts';
import { venueRoutes } from './routes/venue-routes.ts';
import { webhookEndpointRoutes } from './routes/connections/webhook-endpoint-routes.ts';
import type { ReconciliationScheduleGateway } from './temporal/reconciliation-schedule-gateway.ts';
import type { ReconciliationGateway } from './temporal/reconciliation-gateway.ts';
import type { WebhookRegistrationGateway } from './temporal/webhook-registration-gateway.ts';
import type { ReportGateway } from './temporal/report-gateway.ts';
import type { MappingGateway } from './temporal/mapping-gateway.ts';
import type { ScheduleGateway } from './temporal/schedule-gateway.ts';
import { createDefaultSchedules } from './schedules/schedules.ts';
import { createSyncFeeds } from './syncs/sync-feed.ts';
import type { SyncGateway } from './temporal/sync-gateway.ts';
import { createReceiverUrlCheck } from './subscriptions/receiver-url.ts';
import type { SubscriptionGateway } from './temporal/subscription-gateway.ts';
import { createVenueGate } from './auth/venue-gate.ts';
import { createInboxWaker } from './webhooks/inbox-waker.ts';
import { createWebhookFront } from './webhooks/webhooks.ts';
import type { WebhookFront } from './webhooks/webhooks.ts';

export interface AppConfig {
  /** Without a trailing slash. */
  readonly publicUrl: string;
  /** Proxies whose `X-Forwarded-For` is trusted: addresses, networks, and Express's names for some. */
  readonly trustedProxies: readonly string[];
  /** URLs under which account owners may be sent back after the consent. */
  readonly returnUrls: readonly string[];
  readonly jwt: JwtConfig;
  readonly rateLimits: RateLimitConfig;
  readonly venueShares: VenueShareConfig;
  /** Null omits links to runs. */
  readonly temporalUiUrl: string | null;
  readonly temporalNamespace: string;
  /** Venues may have messages posted to this machine. */
  readonly allowLoopbackReceivers: boolean;
  /** Credentials are sealed under a key of this machine, and every answer warns about it. */
  readonly developmentKeyring: boolean;
}

export interface AppDeps {
  readonly config: AppConfig;
  readonly log: Log;
  readonly clock: () => Date;
  readonly venues: VenueStore;
  readonly kinds: RecordKinds;
  readonly records: RecordStores;
  readonly summaries: TransactionSummaryStore;
  readonly connections: ConnectionStore;
  readonly connectionActions: ConnectionActionsStore;
  readonly oauthTokens: Pick<OAuthTokenStore, 'listForForecast'>;
  readonly authorizationGateway: AuthorizationGateway;
  readonly states: AuthorizationStates;
  readonly connectionGateway: ConnectionGateway;
  readonly accountChoices: AccountChoiceStore;
  readonly mappings: MappingStore;
  readonly reach: ReachStore;
  readonly expressions: Expressions;
  readonly mappingGateway: MappingGateway;
  readonly reportGateway: ReportGateway;
  readonly webhookRegistrations: WebhookRegistrationGateway;
  readonly reportAnswers: ReportAnswerStore;
  readonly inbox: InboxStore;
  readonly events: VenueEventStore;
  readonly subscriptions: SubscriptionStore;
  readonly deliveries: DeliveryListStore;
  readonly pendingDeliveries: Pick<DeliveryStore, 'countPending'>;
  readonly subscriptionGateway: SubscriptionGateway;
  readonly inboxGateway: InboxGateway;
  readonly webhookEndpoints: WebhookEndpointStore;
  readonly webhookSecrets: WebhookSecretOpener;
  readonly runs: SyncRunStore;
  readonly plans: PlanStore;
  readonly budgets: BudgetStatusStore;
  readonly circuits: Pick<CircuitStore, 'list' | 'count'>;
  readonly idempotency: IdempotencyStore;
  readonly audit: AuditStore;
  readonly providers: Providers;
  readonly sealer: Sealer;
  readonly gateway: SyncGateway;
  readonly schedules: ScheduleStore;
  readonly scheduleGateway: ScheduleGateway;
  readonly rotations: SecretRotationStore;
  readonly jobGateway: JobGateway;
  readonly venueGateway: VenueGateway;
  readonly conflicts: ConflictStore;
  readonly deadLetters: DeadLetterStore;
  readonly unsettledDeadLetters: Pick<RetryStore, 'countUnsettled'>;
  readonly deadLetterGateway: DeadLetterGateway;
  readonly reconciliations: ReconciliationStore;
  readonly reconciliationGateway: ReconciliationGateway;
  readonly reconciliationScheduleGateway: ReconciliationScheduleGateway;
  /** Throws when the database does not answer. */
  readonly pingDatabase: () => Promise<unknown>;
}

export interface App {
  readonly express: Express;
  /** Takes webhooks before Express does. */
  readonly webhooks?: WebhookFront;
  /** Takes reads of operations before Express does. */
  readonly reads?: ReadFront;
  /** The operations under /v1. */
  readonly endpoints: readonly Endpoint[];
  /** Ends every live stream; readers resume with another process. */
  endStreams(): void;
}

/** The whole API on top of the given services. */
export function createApp(deps: AppDeps): App {
  const { config, log } = deps;
  const streams = new Set<EventStream>();
  const returnUrls = createReturnUrls(config.returnUrls);
  const audit = createAuditTrail(deps.audit, log);
  const endpoints = endpointsOf(deps, { streams, returnUrls, audit });
  const common = commonOf(deps, audit);
  const app = express();
  app.disable('x-powered-by').disable('etag').enable('strict routing').enable('case sensitive routing');
  // Operations parse queries themselves, and reject unknown parameters.
  app.set('query parser', false);
  app.set('trust proxy', [...config.trustedProxies]);

  const begin = createBeginning(log, config.developmentKeyring);
  app.use(begin);
  const pings = { postgres: deps.pingDatabase, temporal: () => deps.gateway.ping(READINESS_TIMEOUT_MS) };
  mountGet(app, '/health/live', live);
  mountGet(app, '/health/ready', createReadiness(pings));
  mountGet(
    app,
    '/health/deep',
    createDeepHealth({
      ...deps,
      authenticator: common.authenticator,
      ...pings,
      keyService: () => currentKeyOf(deps.sealer),
      countWorkers: () => deps.gateway.countWorkers(READINESS_TIMEOUT_MS),
      deliveries: deps.pendingDeliveries,
      deadLetters: deps.unsettledDeadLetters,
    }),
  );
  const { kinds, providers } = deps;
  mountGet(app, '/openapi.json', openApi(endpoints, { publicUrl: config.publicUrl, kinds, providers }));
  app.use(docsRouter(kinds));
  app.use(
    oauthCallbackRouter({
      ...deps,
      limits: common.limits,
      links: createAuthorizationLinks(deps.states, config.publicUrl),
      binding: createBrowserBinding(deps.states, config.publicUrl),
      returnUrls,
      namesOf: createNames(deps),
      providerName: (provider) => deps.providers.find(provider)?.capabilities.displayName ?? provider,
    }),
  );
  const run = createRunner({ ...common, publicUrl: config.publicUrl });
  mount(app, endpoints, run);
  app.use(() => {
    throw new ApiError('not-found', 'The API has nothing at this path.');
  });
  app.use(createErrorHandler({ log, publicUrl: config.publicUrl }));
  const answerError = createErrorAnswer({ log, publicUrl: config.publicUrl });
  return {
    express: app,
    webhooks: createWebhookFront({ ...deps, publicUrl: config.publicUrl, begin, answerError }),
    reads: createReadFront({ endpoints, run, begin, answerError }),
    endpoints,
    endStreams: () => {
      for (const stream of streams) stream.end();
    },
  };
}

const createNames =
  ({ venues, connections }: AppDeps) =>
  async (ref: ConnectionRef): Promise<ConnectionNames | null> => {
    const [venue, connection] = [await venues.find([ref.venueId], ref.venueId), await connections.find(ref)];
    const account = connection?.account;
    return venue && account ? { venue: venue.name, account: account.name ?? account.id } : null;
  };

interface Shared {
  readonly streams: Set<EventStream>;
  readonly returnUrls: ReturnUrls;
  readonly audit: AuditTrail;
}

function endpointsOf(deps: AppDeps, { streams, returnUrls, audit }: Shared): Endpoint[] {
  const { venues, kinds, records, connections, providers, sealer, runs, gateway, config, log } = deps;
  const atomicLoads = createAtomicLoadSlots(config.venueShares.atomicLoads);
  const streamShares = new VenueShares({ total: POOLS.eventStreams, perVenue: config.venueShares.eventStreams });
  watchPool('event-streams', streamShares);
  const ui = { baseUrl: config.temporalUiUrl, namespace: config.temporalNamespace };
  const { schedules, scheduleGateway } = deps;
  const defaultSchedules = createDefaultSchedules({ providers, schedules, scheduleGateway, log });
  const { connectionActions, authorizationGateway, states, connectionGateway, clock } = deps;
  const authorizing = {
    connections,
    connectionActions,
    providers,
    sealer,
    authorizationGateway,
    states,
    links: createAuthorizationLinks(states, config.publicUrl),
    returnUrls,
    clock,
    publicUrl: config.publicUrl,
  };
  return [
    ...venueRoutes({ venues, audit, venueGateway: deps.venueGateway }),
    ...kinds.all.flatMap((kind) => recordEndpoints({ kind, store: records.of(kind), audit, atomicLoads })),
    transactionSummaryRoute({ venues, summaries: deps.summaries, clock: deps.clock }),
    ...connectionRoutes({ ...authorizing, connectionGateway, schedules, defaultSchedules, audit, runs, gateway, log }),
    ...connectionActionRoutes({ ...authorizing, connectionGateway, audit, runs, gateway, log }),
    ...grantAccountRoutes({ ...deps, connectionGateway, audit }),
    ...mappingRoutes({ ...deps, audit }),
    reportRoute(deps),
    reauthorizationRoute(deps),
    auditRoute(deps),
    ...webhookEndpointRoutes({ ...deps, audit, publicUrl: config.publicUrl }),
    ...eventRoutes({ events: deps.events, audit, wakeInbox: createInboxWaker(deps) }),
    ...deadLetterRoutes({ ...deps, audit, startRetries: createRetryStarter(deps.deadLetterGateway, log) }),
    ...outgoingRoutes(deps, audit),
    ...scheduleRoutes({
      kinds,
      connections,
      venues,
      providers,
      schedules,
      scheduleGateway,
      defaultSchedules,
      audit,
      ui,
    }),
    ...syncRoutes({ kinds, connections, providers, runs, gateway, audit, ui }),
    ...syncActionRoutes({ connections, providers, runs, gateway, audit, ui }),
    ...syncPlanRoutes({ runs, plans: deps.plans }),
    ...reachRoutes({ ...deps, audit }),
    ...conflictRoutes({ ...deps, audit }),
    ...reconciliationRoutes({ ...deps, audit, ui }),
    ...reconciliationScheduleRoutes({ ...deps, audit }),
    ...adminRoutes({ rotations: deps.rotations, jobGateway: deps.jobGateway, sealer, ui, log }),
    ...integrationRoutes({ providers, budgets: deps.budgets, circuits: deps.circuits }),
    syncEventsRoute({ runs, ui, streams, shares: streamShares, feeds: createSyncFeeds(runs, log) }),
  ];
}

function outgoingRoutes(deps: AppDeps, audit: AuditTrail): Endpoint[] {
  const checkReceiverUrl = createReceiverUrlCheck({ allowLoopback: deps.config.allowLoopbackReceivers });
  return [...subscriptionRoutes({ ...deps, checkReceiverUrl, audit }), ...deliveryRoutes({ ...deps, audit })];
}

/** The batch comes first, because the routes of one record would match its path. */
const recordEndpoints = (deps: RecordBatchRouteDeps): Endpoint[] => [recordBatchRoute(deps), ...recordRoutes(deps)];

function commonOf({ config, clock, venues, idempotency }: AppDeps, audit: AuditTrail) {
  const requests = new FairQueue({
    lastingPerSecond: config.venueShares.startsPerSecond,
    mostMsBesideOthers: config.venueShares.timeMsPerSecond,
  });
  watchPool('requests', requests);
  return {
    requests,
    authenticator: createAuthenticator(config.jwt, clock),
    limits: createRateLimits(config.rateLimits),
    gate: createVenueGate(venues, clock),
    idempotency: createIdempotency({ store: idempotency, audit }),
    audit,
  };
}

/** What is done for every request, whoever answers it. */
function createBeginning(log: Log, developmentKeyring: boolean): Middleware {
  const headers = commonHeaders(developmentKeyring);
  const access = logAccess(log);
  return (req, res, next) => {
    requestContext(req, res, () => {
      access(req, res, () => {
        for (const [name, value] of headers) res.setHeader(name, value);
        next();
      });
    });
  };
}

/** Built once, because it depends only on the code, and by the first reader: it takes a quarter of the API's start. */
function openApi(endpoints: readonly Endpoint[], about: Parameters<typeof buildOpenApi>[1]): RequestHandler {
  let document: string | null = null;
  return (_req, res) => {
    document ??= JSON.stringify(buildOpenApi(endpoints, about));
    res.set({ 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-cache' }).send(document);
  };
}
