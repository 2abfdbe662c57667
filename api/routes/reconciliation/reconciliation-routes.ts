import type { Reconciliation } from '../../../db/reconciliation/reconciliation-store.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import { ApiError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import { readCursor, toPageAnswer } from '../../http/cursor.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { startReconciliation, wrongBusinessDays } from '../../reconciliation/start-reconciliation.ts';
import type { ReconciliationDeps } from '../../reconciliation/start-reconciliation.ts';
import { pageOf } from '../../schemas/common.ts';
import {
  DISCREPANCIES_SHOWN,
  discrepancyAnswer,
  discrepancyListQuery,
  presentDiscrepancy,
  presentReconciliation,
  reconciliationAnswer,
  reconciliationDetailAnswer,
  reconciliationListQuery,
  startReconciliationBody,
} from '../../schemas/reconciliation.ts';
import type { TemporalUi } from '../../schemas/sync.ts';
import { requireActive } from '../../syncs/start-sync.ts';

export interface ReconciliationRouteDeps extends ReconciliationDeps {
  readonly audit: AuditTrail;
  readonly ui: TemporalUi;
}

const COLLECTION = '/v1/venues/{venueId}/reconciliations';
const ITEM = `${COLLECTION}/{reconciliationId}` as const;

export function reconciliationRoutes(deps: ReconciliationRouteDeps): Endpoint[] {
  return [startRoute(deps), listRoute(deps), getRoute(deps), discrepanciesRoute(deps), repairRoute(deps)];
}

function startRoute(deps: ReconciliationRouteDeps): Endpoint {
  return endpoint({
    name: 'startReconciliation',
    summary: 'Compare a connection’s transactions with the provider’s',
    description:
      'Reads the provider’s transactions of up to 31 business days, which begin and end at midnight in the venue’s time zone, and compares each with the venue’s. Writes nothing to the provider, and nothing to the venue’s records. A second start for the same days joins the one that is running.',
    tag: 'Reconciliations',
    method: 'post',
    path: COLLECTION,
    role: 'operator',
    effort: 'start',
    idempotent: true,
    body: startReconciliationBody,
    rules: ({ venueId }, sent) => wrongBusinessDays(deps, venueId, sent),
    answers: {
      202: { description: 'Started.', schema: reconciliationAnswer, location: 'The reconciliation.' },
      200: {
        description: 'The same days are being compared already: this is their reconciliation.',
        schema: reconciliationAnswer,
        location: 'The reconciliation.',
      },
    },
    problems: [
      'connection-not-found',
      'connection-not-active',
      'reconciliation-not-supported',
      'reconciliation-running',
      'temporal-unavailable',
    ],
    async handle({ ids: { venueId }, body: { connectionId, from, to }, caller, requestId, requestKey }) {
      const { reconciliation, joined } = await startReconciliation(deps, {
        ...{ venueId, connectionId, from, to, requestKey },
        requestedBy: caller.subject,
        auditOf: (opened: Reconciliation) =>
          deps.audit.entry({ caller, requestId }, venueId, {
            action: 'reconciliation.started',
            targetType: 'reconciliation',
            targetId: opened.id,
            details: { connection: connectionId, from: opened.fromDay, to: opened.toDay },
          }),
      });
      return {
        status: joined ? 200 : 202,
        body: presentReconciliation(reconciliation, deps.ui),
        headers: { Location: `/v1/venues/${venueId}/reconciliations/${reconciliation.id}` },
      };
    },
  });
}

function listRoute({ reconciliations, ui }: ReconciliationRouteDeps): Endpoint {
  return endpoint({
    name: 'listReconciliations',
    summary: 'List reconciliations, newest first',
    tag: 'Reconciliations',
    method: 'get',
    path: COLLECTION,
    role: 'viewer',
    query: reconciliationListQuery,
    answers: {
      200: { description: 'A page of reconciliations.', schema: pageOf('Reconciliation', reconciliationAnswer) },
    },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId }, query: { limit, cursor, ...filter }, path }) {
      const list = { path, filters: filter, order: 'id' } as const;
      const page = await reconciliations.list(venueId, filter, { limit, after: readCursor(cursor, list) });
      return toPageAnswer(page, list, (row) => presentReconciliation(row, ui));
    },
  });
}

function getRoute({ reconciliations, ui }: ReconciliationRouteDeps): Endpoint {
  return endpoint({
    name: 'getReconciliation',
    summary: 'Read a reconciliation: totals of both sides, and what differs',
    tag: 'Reconciliations',
    method: 'get',
    path: ITEM,
    role: 'viewer',
    answers: { 200: { description: 'The reconciliation.', schema: reconciliationDetailAnswer } },
    async handle({ ids: { venueId, reconciliationId } }) {
      const row = await reconciliations.find(venueId, reconciliationId);
      if (!row) throw notFound('reconciliation-not-found');
      const { data } = await reconciliations.listDiscrepancies(venueId, reconciliationId, {
        filter: {},
        page: { limit: DISCREPANCIES_SHOWN, after: null },
      });
      return {
        status: 200,
        body: { ...presentReconciliation(row, ui), discrepancies: data.map(presentDiscrepancy) },
      };
    },
  });
}

function discrepanciesRoute({ reconciliations }: ReconciliationRouteDeps): Endpoint {
  return endpoint({
    name: 'listDiscrepancies',
    summary: 'List what a reconciliation found to differ',
    tag: 'Reconciliations',
    method: 'get',
    path: `${ITEM}/discrepancies`,
    role: 'viewer',
    query: discrepancyListQuery,
    answers: { 200: { description: 'A page of discrepancies.', schema: pageOf('Discrepancy', discrepancyAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId, reconciliationId }, query: { limit, cursor, ...filter }, path }) {
      const list = { path, filters: filter, order: 'id' } as const;
      const after = readCursor(cursor, list);
      if (!(await reconciliations.find(venueId, reconciliationId))) throw notFound('reconciliation-not-found');
      const page = await reconciliations.listDiscrepancies(venueId, reconciliationId, {
        filter,
        page: { limit, after },
      });
      return toPageAnswer(page, list, presentDiscrepancy);
    },
  });
}

function repairRoute(deps: ReconciliationRouteDeps): Endpoint {
  return endpoint({
    name: 'repairDiscrepancy',
    summary: 'Make the venue’s side of a discrepancy equal to the provider’s',
    description:
      'Asks the provider for the transaction as it is now, which takes up to half a minute, and takes over what it says: a transaction that is missing here is added, one that differs is changed, also where the venue has changed it, and one that the provider no longer has is deleted here. Writes nothing to the provider. Repairing again changes nothing.',
    tag: 'Reconciliations',
    method: 'post',
    path: '/v1/venues/{venueId}/discrepancies/{discrepancyId}/repair',
    role: 'operator',
    effort: 'start',
    idempotent: true,
    answers: { 200: { description: 'Both sides are equal.', schema: discrepancyAnswer } },
    problems: [
      'connection-not-active',
      'credentials-refused',
      'discrepancy-not-repairable',
      'provider-unavailable',
      'temporal-unavailable',
      'worker-unavailable',
    ],
    async handle({ ids: { venueId, discrepancyId }, caller }) {
      const found = await findOne();
      if (found.state !== 'open') return { status: 200, body: presentDiscrepancy(found) };
      const { connectionId } = found;
      const connection = await deps.connections.find({ venueId, connectionId });
      if (!connection) throw notFound('discrepancy-not-found');
      requireActive(connection);
      const { outcome } = await deps.reconciliationGateway.repair({
        ...{ venueId, connectionId, discrepancyId },
        provider: connection.provider,
        requestedBy: caller.subject,
      });
      if (outcome === 'refused')
        throw new ApiError('credentials-refused', 'The provider no longer accepts the connection’s access.');
      if (outcome === 'unavailable')
        throw new ApiError('provider-unavailable', 'The provider could not be asked for the transaction.');
      const settled = await findOne();
      if (outcome === 'not-repaired')
        throw new ApiError('discrepancy-not-repairable', settled.problem?.message ?? 'Both sides still differ.');
      return { status: 200, body: presentDiscrepancy(settled) };

      async function findOne() {
        const row = await deps.reconciliations.findDiscrepancy(venueId, discrepancyId);
        if (!row) throw notFound('discrepancy-not-found');
        return row;
      }
    },
  });
}
