import { z } from 'zod';
import { reconciliationWorkflowId } from '../../contracts/reconciliation.ts';
import type { ConnectionRef, VenueId } from '../../contracts/ids.ts';
import type { AuditOf } from '../../db/core/audit-store.ts';
import type { VenueStore } from '../../db/core/venue-store.ts';
import type { Connection, ConnectionStore } from '../../db/connections/connection-store.ts';
import { OtherDaysOpenError } from '../../db/reconciliation/reconciliation-opening.ts';
import type { NewReconciliation, OpenedReconciliation } from '../../db/reconciliation/reconciliation-opening.ts';
import type { Reconciliation, ReconciliationStore } from '../../db/reconciliation/reconciliation-store.ts';
import { lastDays } from '../../domain/reconciliation/business-days.ts';
import { dayIn } from '../../domain/schedule/time-zone.ts';
import { reconciles, zoneOfDays } from '../../providers/reconciles.ts';
import type { Providers } from '../../providers/providers.ts';
import { ApiError } from '../errors/api-error.ts';
import { notFound } from '../errors/not-found.ts';
import type { FieldError } from '../errors/api-error.ts';
import type { Sent } from '../http/parse.ts';
import { startReconciliationBody } from '../schemas/reconciliation.ts';
import { requireActive } from '../syncs/start-sync.ts';
import type { ReconciliationGateway } from '../temporal/reconciliation-gateway.ts';

export interface ReconciliationDeps {
  readonly connections: ConnectionStore;
  readonly venues: Pick<VenueStore, 'find'>;
  readonly providers: Providers;
  readonly reconciliations: ReconciliationStore;
  readonly reconciliationGateway: ReconciliationGateway;
  readonly clock: () => Date;
}

export interface ReconciliationOrder extends ConnectionRef {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly requestedBy: string;
  /** Digest of the request, if it may be repeated. */
  readonly requestKey: string | null;
  readonly auditOf: AuditOf<Reconciliation>;
}

const MAX_DAYS = 31;
const DAY_MS = 86_400_000;

/**
 * Opens a reconciliation and starts its workflow, or joins the open one of the same days. Throws ApiError; repeating it
 * completes what is half-done.
 */
export async function startReconciliation(
  deps: ReconciliationDeps,
  order: ReconciliationOrder,
): Promise<Pick<OpenedReconciliation, 'reconciliation' | 'joined'>> {
  const { reconciliation, joined } = await openOrJoin(deps, order);
  if (reconciliation.finishedAt) return { reconciliation, joined };
  const workflowRunId = await deps.reconciliationGateway.start(reconciliation);
  const { venueId, id } = reconciliation;
  if (workflowRunId !== reconciliation.workflowRunId)
    await deps.reconciliations.setWorkflowRunId(venueId, id, workflowRunId);
  return { reconciliation: (await deps.reconciliations.find(venueId, id)) ?? reconciliation, joined };
}

async function openOrJoin(deps: ReconciliationDeps, order: ReconciliationOrder): Promise<OpenedReconciliation> {
  const { venueId, requestKey } = order;
  // Comes before the other checks, because the connection may be gone by now.
  const own = requestKey === null ? null : await deps.reconciliations.findByRequest(venueId, requestKey);
  if (own) return { reconciliation: own, joined: false, fresh: false };
  const wanted = await checkOrder(deps, order);
  try {
    return await deps.reconciliations.openOrJoin(wanted, order.auditOf);
  } catch (error) {
    if (!(error instanceof OtherDaysOpenError)) throw error;
    throw new ApiError('reconciliation-running', 'The connection has an open reconciliation of other days.');
  }
}

async function checkOrder(deps: ReconciliationDeps, order: ReconciliationOrder): Promise<NewReconciliation> {
  const { venueId, connectionId, requestedBy, requestKey } = order;
  const connection = await deps.connections.find(order);
  if (!connection) throw notFound('connection-not-found');
  requireReconcilable(deps.providers, connection);
  requireActive(connection);
  const venue = await deps.venues.find([venueId], venueId);
  if (!venue) throw notFound('venue-not-found');
  const { timeZone } = venue;
  const { from, to } = daysOf(order, { timeZone, now: deps.clock() });
  return {
    ...{ venueId, connectionId, requestedBy, requestKey },
    ...{ provider: connection.provider, fromDay: from, toDay: to },
    timeZone: zoneOfDays(deps.providers.find(connection.provider), timeZone),
    workflowId: reconciliationWorkflowId(order),
  };
}

/** Throws `reconciliation-not-supported`. */
export function requireReconcilable(providers: Providers, { provider }: Connection): void {
  const adapter = providers.find(provider);
  if (adapter && reconciles(adapter)) return;
  throw new ApiError(
    'reconciliation-not-supported',
    `${adapter?.capabilities.displayName ?? provider} cannot be asked for the transactions of a day.`,
  );
}

interface AskedDays {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

interface BusinessDays {
  readonly from: string;
  readonly to: string;
}

/** Days that are left out are the last ones that are over. */
function daysOf({ from, to }: AskedDays, { timeZone, now }: Today): BusinessDays {
  const last = to ?? lastDays(timeZone, now, 1).to;
  return { from: from ?? last, to: last };
}

interface Today {
  readonly timeZone: string;
  readonly now: Date;
}

/** Names days that are too many, or in the future. */
function wrongDays(asked: AskedDays, { timeZone, now }: Today): readonly FieldError[] {
  const { from: first, to: last } = daysOf(asked, { timeZone, now });
  const errors: FieldError[] = [];
  if (last > dayIn(timeZone, now)) errors.push({ path: 'to', message: 'Must not be after today' });
  // With both days the schema says so.
  if (asked.to === undefined && first > last) errors.push({ path: 'from', message: 'Must not be after yesterday' });
  // In days without a time zone, which all have the same length.
  if ((Date.parse(last) - Date.parse(first)) / DAY_MS + 1 > MAX_DAYS)
    errors.push({ path: 'from', message: `Must not be more than ${MAX_DAYS} days with the last one` });
  return errors;
}

/** What is wrong with the days of a start by the calendar of the venue. */
export async function wrongBusinessDays(
  { venues, clock }: Pick<ReconciliationDeps, 'venues' | 'clock'>,
  venueId: VenueId,
  { from, to }: Sent,
): Promise<readonly FieldError[]> {
  const venue = await venues.find([venueId], venueId);
  const asked = askedDays.safeParse({ from, to });
  return venue && asked.success ? wrongDays(asked.data, { timeZone: venue.timeZone, now: clock() }) : [];
}

const askedDays = z.object(startReconciliationBody.shape).pick({ from: true, to: true });
