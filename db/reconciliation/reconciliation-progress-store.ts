import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { RecordId } from '../../contracts/ids.ts';
import { RECONCILE_CONNECTION } from '../../contracts/reconciliation.ts';
import type {
  OpenReconciliationInput,
  ReconciliationOutcome,
  ReconciliationPhase,
  ReconciliationProgress,
} from '../../contracts/reconciliation.ts';
import { businessDays } from '../../domain/reconciliation/business-days.ts';
import type { BusinessDays } from '../../domain/reconciliation/business-days.ts';
import type { ReconciliationCheckpoint } from '../../domain/reconciliation/checkpoint.ts';
import { differenceOf, isAlike } from '../../domain/reconciliation/compare.ts';
import type { Difference, Pair } from '../../domain/reconciliation/compare.ts';
import { addToTotals } from '../../domain/reconciliation/totals.ts';
import type { DayTotal } from '../../domain/reconciliation/totals.ts';
import type { TransactionFact } from '../../domain/reconciliation/transaction-fact.ts';
import { transactions } from '../../records/transactions.ts';
import { announceDiscrepancies } from '../outgoing/announcements.ts';
import { recordWith } from '../core/audit-store.ts';
import { textList } from '../core/rows-by-column.ts';
import type { AuditOf } from '../core/audit-store.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { SupersededError } from '../runs/run-scope.ts';
import type { Waiting } from '../runs/sync-run-waiting.ts';
import { factColumns, heldTransactions, toFact } from './transaction-facts.ts';

/** The reconciliation that one attempt works on. Writes under an older fence are refused. */
export interface ReconciliationScope extends OpenReconciliationInput {
  readonly fence: number;
  readonly days: BusinessDays;
}

export interface ReconciliationState {
  readonly scope: ReconciliationScope;
  /** Null before anything was read. */
  readonly checkpoint: ReconciliationCheckpoint | null;
  /** Accounts of the grant that are compared; null: all. */
  readonly accounts: readonly string[] | null;
  readonly progress: ReconciliationProgress;
}

/** A transaction as one of the provider's lists told it. */
export interface Reading {
  readonly externalId: string;
  readonly version: number;
  readonly fact: TransactionFact;
}

/** A reading beside what the venue has. `changedSince`: the venue's side was synced after the reconciliation began. */
export interface Comparable extends Pair {
  readonly externalId: string;
  readonly changedSince: boolean;
}

/** One of the venue's transactions that no list told. */
export interface Untold {
  readonly recordId: RecordId;
  readonly externalId: string;
  readonly occurredAt: string;
}

interface Commit {
  readonly checkpoint: ReconciliationCheckpoint;
  readonly providerCalls: number;
  readonly unreadable: number;
}

export interface ReadCommit extends Commit {
  readonly readings: readonly Reading[];
}

export interface ComparedCommit extends Commit {
  /** The provider's side of every transaction of the page. */
  readonly there: ReadonlyMap<string, TransactionFact | null>;
}

export interface ReconciliationEnd {
  readonly outcome: ReconciliationOutcome;
  readonly error: { readonly code: string; readonly message: string; readonly nextAction: string } | null;
}

/** A reconciliation as the worker advances it. All methods are safe to repeat. */
export interface ReconciliationProgressStore {
  /** Takes it over and fences off every earlier attempt. Throws SupersededError when it has ended. */
  takeOver(input: OpenReconciliationInput, workflowRunId: string | null): Promise<ReconciliationState>;
  /** Stores a page of readings and the new position, in one transaction. Throws SupersededError; so do the next two. */
  commitRead(scope: ReconciliationScope, page: ReadCommit): Promise<ReconciliationProgress>;
  /** Compares a page, and stores its discrepancies, totals and the new position, in one transaction. */
  commitCompared(scope: ReconciliationScope, page: ComparedCommit): Promise<ReconciliationProgress>;
  /** Readings in the order of their external ids, with the venue's side. */
  listReadings(
    scope: ReconciliationScope,
    page: { readonly after: string | null; readonly limit: number },
  ): Promise<readonly Comparable[]>;
  /** The venue's transactions in the span of the days that no list told, in the order of time and id. */
  listUntold(
    scope: ReconciliationScope,
    page: { readonly after: { readonly occurredAt: string; readonly id: string } | null; readonly limit: number },
  ): Promise<readonly Untold[]>;
  /** Shows what it waits for. */
  park(input: OpenReconciliationInput, waiting: Waiting): Promise<void>;
  /** Ends it and forgets its readings. A repeated step adds no second audit row. */
  finish(
    input: OpenReconciliationInput,
    end: ReconciliationEnd,
    auditOf?: AuditOf<ReconciliationProgress>,
  ): Promise<ReconciliationProgress>;
}

/** Discrepancies that are stored of one reconciliation; further ones are only counted. */
const MAX_STORED_DISCREPANCIES = 10_000;

export function createReconciliationProgressStore(db: Database): ReconciliationProgressStore {
  return {
    takeOver: (input, workflowRunId) =>
      withVenue(db, input.venueId, async (tx) => {
        const [row] = await tx.execute<Row>(sql`
          update reconciliations set fence = fence + 1, workflow_run_id = coalesce(${workflowRunId}, workflow_run_id),
            started_at = coalesce(started_at, now()), updated_at = now()
          where id = ${input.reconciliationId} and finished_at is null
          returning *, from_day::text as first_day, to_day::text as last_day`);
        if (!row) throw new SupersededError();
        return {
          scope: { ...input, fence: row.fence, days: businessDays(row.time_zone, row.first_day, row.last_day) },
          checkpoint: row.checkpoint,
          accounts: row.accounts,
          progress: toProgress(row),
        };
      }),

    commitRead: (scope, page) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lock(tx, scope);
        const stored = await saveReadings(tx, scope, page.readings);
        return advance(tx, scope, { ...page, read: stored, compared: 0, discrepancies: 0, totals: null });
      }),

    commitCompared: (scope, page) =>
      withVenue(db, scope.venueId, async (tx) => {
        const row = await lock(tx, scope);
        const compared = await compare(tx, scope, page.there);
        const found = compared.filter((one) => one.difference !== null);
        await saveDiscrepancies(
          tx,
          scope,
          found.slice(0, Math.max(0, MAX_STORED_DISCREPANCIES - Number(row.discrepancy_count))),
        );
        await settleEarlier(tx, scope, compared);
        await announceDiscrepancies(tx, scope, found.length);
        return advance(tx, scope, {
          ...page,
          read: 0,
          compared: compared.length,
          discrepancies: found.length,
          totals: addToTotals(row.totals, compared, scope.days),
        });
      }),

    listReadings: (scope, { after, limit }) =>
      withVenue(db, scope.venueId, async (tx) => {
        const rows = await tx.execute<
          Parameters<typeof toFact>[0] & { external_id: string; changed: boolean | null }
        >(sql`
          select r.external_id, ${factColumns('r')}, l.synced_at >= n.started_at as changed
          from reconciliation_readings r
          join reconciliations n on n.id = r.reconciliation_id
          left join lateral (select synced_at from record_links
            where connection_id = ${scope.connectionId} and resource = ${transactions.name} and external_id = r.external_id limit 1) l on true
          where r.reconciliation_id = ${scope.reconciliationId} ${after === null ? sql`` : sql`and r.external_id > ${after}`}
          order by r.external_id limit ${limit}`);
        const held = await heldTransactions(
          tx,
          scope,
          rows.map((row) => row.external_id),
        );
        return rows.map((row) => ({
          externalId: row.external_id,
          here: held.get(row.external_id)?.fact ?? null,
          there: toFact(row),
          changedSince: row.changed === true,
        }));
      }),

    listUntold: (scope, page) => withVenue(db, scope.venueId, (tx) => listUntold(tx, scope, page)),

    park: (input, { error, ...waiting }) =>
      withVenue(db, input.venueId, async (tx) => {
        // One that still waits for the same reason keeps its start time.
        await tx.execute(sql`
          update reconciliations set phase = 'waiting', error = ${error && JSON.stringify(error)}::jsonb, updated_at = now(),
            waiting_for = case when waiting_for ->> 'what' = ${waiting.what} then waiting_for || jsonb_build_object('until', ${waiting.until}::text)
              else ${JSON.stringify(waiting)}::jsonb end
          where id = ${input.reconciliationId} and finished_at is null`);
      }),

    finish: (input, end, auditOf) => withVenue(db, input.venueId, (tx) => finish(tx, input, { ...end, auditOf })),
  };
}

interface Row extends Record<string, unknown> {
  readonly fence: number;
  readonly finished_at: Date | string | null;
  readonly first_day: string;
  readonly last_day: string;
  readonly time_zone: string;
  readonly checkpoint: ReconciliationCheckpoint | null;
  readonly accounts: readonly string[] | null;
  readonly totals: readonly DayTotal[];
  readonly read_count: string;
  readonly compared_count: string;
  readonly discrepancy_count: string;
  readonly provider_calls: string;
}

// bigint columns arrive as strings from a raw query.
const toProgress = (row: Row): ReconciliationProgress => ({
  read: Number(row.read_count),
  compared: Number(row.compared_count),
  discrepancies: Number(row.discrepancy_count),
  providerCalls: Number(row.provider_calls),
});

async function lock(tx: Transaction, { reconciliationId, fence }: ReconciliationScope): Promise<Row> {
  const [row] = await tx.execute<Row>(sql`select * from reconciliations where id = ${reconciliationId} for update`);
  if (row?.fence !== fence || row.finished_at !== null) throw new SupersededError();
  return row;
}

const PHASES: Readonly<Record<ReconciliationCheckpoint['kind'], ReconciliationPhase>> = {
  reading: 'reading',
  comparing: 'comparing',
  'looking-up': 'comparing',
  done: 'comparing',
};

async function advance(
  tx: Transaction,
  { reconciliationId }: ReconciliationScope,
  delta: Commit & {
    readonly read: number;
    readonly compared: number;
    readonly discrepancies: number;
    /** Null keeps the stored ones. */
    readonly totals: readonly DayTotal[] | null;
  },
): Promise<ReconciliationProgress> {
  const [row] = await tx.execute<Row>(sql`
    update reconciliations set checkpoint = ${JSON.stringify(delta.checkpoint)}::jsonb, phase = ${PHASES[delta.checkpoint.kind]},
      waiting_for = null, error = null, totals = coalesce(${delta.totals && JSON.stringify(delta.totals)}::jsonb, totals),
      read_count = read_count + ${delta.read}, compared_count = compared_count + ${delta.compared},
      unreadable_count = unreadable_count + ${delta.unreadable}, discrepancy_count = discrepancy_count + ${delta.discrepancies},
      provider_calls = provider_calls + ${delta.providerCalls}, updated_at = now()
    where id = ${reconciliationId} returning *`);
  if (!row) throw new SupersededError();
  return toProgress(row);
}

/** Returns how many transactions are new. Of two readings of one transaction the newer counts. */
async function saveReadings(
  tx: Transaction,
  { venueId, reconciliationId }: ReconciliationScope,
  readings: readonly Reading[],
): Promise<number> {
  if (readings.length === 0) return 0;
  const newest = new Map<string, Reading>();
  for (const one of readings) {
    const known = newest.get(one.externalId);
    if (!known || one.version > known.version) newest.set(one.externalId, one);
  }
  const rows = [...newest.values()].map(({ externalId, version, fact }) => ({
    external_id: externalId,
    version,
    kind: fact.kind,
    occurred_at: fact.occurredAt,
    amount_minor: fact.amountMinor,
    currency: fact.currency,
    status: fact.status,
    posted: fact.posted,
  }));
  const saved = await tx.execute<{ is_new: boolean }>(sql`
    insert into reconciliation_readings as r (reconciliation_id, venue_id, external_id, version, kind, occurred_at, amount_minor, currency, status, posted)
    select ${reconciliationId}, ${venueId}, w.external_id, w.version, w.kind, w.occurred_at, w.amount_minor, w.currency, w.status, w.posted
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as w(external_id text, version bigint, kind text, occurred_at timestamptz,
      amount_minor bigint, currency text, status text, posted boolean)
    on conflict (reconciliation_id, external_id) do update set version = excluded.version, kind = excluded.kind,
      occurred_at = excluded.occurred_at, amount_minor = excluded.amount_minor, currency = excluded.currency, status = excluded.status,
      posted = excluded.posted
      where excluded.version >= r.version
    returning xmax = 0 as is_new`);
  return saved.filter((row) => row.is_new).length;
}

interface Compared extends Pair {
  readonly externalId: string;
  readonly recordId: RecordId | null;
  readonly difference: Difference | null;
}

/** The venue's side is read again here, because looking up the provider's side may have taken a while. */
async function compare(
  tx: Transaction,
  scope: ReconciliationScope,
  there: ReadonlyMap<string, TransactionFact | null>,
): Promise<readonly Compared[]> {
  const held = await heldTransactions(tx, scope, [...there.keys()]);
  return [...there].map(([externalId, fact]) => {
    const here = held.get(externalId);
    const pair = { here: here?.fact ?? null, there: fact };
    return { ...pair, externalId, recordId: here?.recordId ?? null, difference: differenceOf(pair, scope.days) };
  });
}

async function saveDiscrepancies(
  tx: Transaction,
  { venueId, reconciliationId }: ReconciliationScope,
  found: readonly Compared[],
): Promise<void> {
  if (found.length === 0) return;
  const rows = found.map(({ externalId, recordId, here, there, difference }) => ({
    id: uuidv7(),
    external_id: externalId,
    record_id: recordId,
    kind: difference?.kind,
    differs: difference?.fields,
    day: difference?.day,
    here,
    there,
  }));
  await tx.execute(sql`
    insert into discrepancies (id, reconciliation_id, venue_id, kind, differs, day, external_id, record_id, here, there)
    select w.id, ${reconciliationId}, ${venueId}, w.kind, w.differs, w.day, w.external_id, w.record_id, w.here, w.there
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as w(id uuid, kind text, differs jsonb, day date, external_id text, record_id uuid,
      here jsonb, there jsonb)
    on conflict (reconciliation_id, external_id) do nothing`);
}

/** Settles what earlier reconciliations of the connection found of transactions that both sides have alike by now. */
async function settleEarlier(
  tx: Transaction,
  { venueId, connectionId, reconciliationId, days }: ReconciliationScope,
  compared: readonly Compared[],
): Promise<void> {
  const alike = compared.filter((one) => isAlike(one, days)).map(({ externalId }) => externalId);
  if (alike.length === 0) return;
  await tx.execute(sql`
    update discrepancies d set state = 'resolved', problem = null, settled_at = now(), settled_by = ${RECONCILE_CONNECTION}, updated_at = now()
    from reconciliations n
    where d.venue_id = ${venueId} and d.external_id = any (${textList(alike)}) and d.state = 'open' and d.reconciliation_id <> ${reconciliationId}
      and n.id = d.reconciliation_id and n.connection_id = ${connectionId}`);
}

async function listUntold(
  tx: Transaction,
  { venueId, connectionId, reconciliationId, days: { span } }: ReconciliationScope,
  {
    after,
    limit,
  }: { readonly after: { readonly occurredAt: string; readonly id: string } | null; readonly limit: number },
): Promise<readonly Untold[]> {
  if (span === null) return [];
  const [from, to] = [span.fromEpochS, span.toEpochS].map((epochS) => new Date(epochS * 1_000).toISOString());
  const rows = await tx.execute<{ id: RecordId; external_id: string; occurred_at_ms: number }>(sql`
    select c.id, l.external_id, (extract(epoch from c.occurred_at) * 1000)::float8 as occurred_at_ms
    from transactions c
    cross join lateral (select external_id from record_links
      where connection_id = ${connectionId} and resource = ${transactions.name} and record_id = c.id and external_id is not null limit 1) l
    where c.venue_id = ${venueId} and c.occurred_at >= ${from}::timestamptz and c.occurred_at < ${to}::timestamptz and c.deleted_at is null
      ${after === null ? sql`` : sql`and (c.occurred_at, c.id) > (${after.occurredAt}::timestamptz, ${after.id}::uuid)`}
      and not exists (select from reconciliation_readings r where r.reconciliation_id = ${reconciliationId} and r.external_id = l.external_id)
    order by c.occurred_at, c.id limit ${limit}`);
  return rows.map((row) => ({
    recordId: row.id,
    externalId: row.external_id,
    occurredAt: new Date(row.occurred_at_ms).toISOString(),
  }));
}

async function finish(
  tx: Transaction,
  { reconciliationId }: OpenReconciliationInput,
  { outcome, error, auditOf }: ReconciliationEnd & { readonly auditOf: AuditOf<ReconciliationProgress> | undefined },
): Promise<ReconciliationProgress> {
  const [open] = await tx.execute<Row>(sql`select * from reconciliations where id = ${reconciliationId} for update`);
  if (!open) throw new SupersededError();
  // A repeated step whose first answer was lost.
  if (open.finished_at !== null) return toProgress(open);
  await tx.execute(sql`
    update reconciliations set phase = 'finished', outcome = ${outcome}, error = ${error && JSON.stringify(error)}::jsonb, waiting_for = null,
      fence = fence + 1, finished_at = now(), updated_at = now()
    where id = ${reconciliationId}`);
  await tx.execute(sql`delete from reconciliation_readings where reconciliation_id = ${reconciliationId}`);
  return recordWith(tx, toProgress(open), auditOf);
}
