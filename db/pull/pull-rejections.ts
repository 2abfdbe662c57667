import { sql } from 'drizzle-orm';
import { listRejectedObjects } from '../dead-letters/rejected-records.ts';
import { cleanText } from '../../domain/reference/foreign-text.ts';
import { meetPlan, savePlanItems } from '../runs/plan-items.ts';
import type { PlanEntry } from '../runs/plan-items.ts';
import { insertLogs } from '../runs/sync-log.ts';
import type { RunScope } from '../runs/run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { textList } from '../core/rows-by-column.ts';

/** A provider object that cannot become a record. `message` names fields and rules, never values. */
export interface Rejection {
  readonly externalId: string | null;
  readonly code: string;
  readonly message: string;
}

/**
 * Logs what a pull rejects, each object once a run, and returns how many are new to the run. A rejected object exists
 * at the provider, so its record counts as seen and a full pass does not consider it deleted.
 */
export async function logRejections(
  tx: Transaction,
  scope: RunScope,
  rejections: readonly Rejection[],
): Promise<number> {
  if (rejections.length === 0) return 0;
  const bounded = rejections.map((one) => ({ ...one, shownId: shownIdOf(one) }));
  const logged = await loggedAmong(
    tx,
    scope,
    bounded.flatMap(({ shownId }) => shownId ?? []),
  );
  const isNew = ({ shownId }: { readonly shownId: string | null }, index: number): boolean =>
    shownId === null || (!logged.has(shownId) && bounded.findIndex((one) => one.shownId === shownId) === index);
  const fresh = bounded.filter(isNew);
  const row = { record_id: null, source_id: null, level: 'error', action: 'rejected' };
  await insertLogs(
    tx,
    scope,
    fresh.map(({ shownId, code, message }) => ({ ...row, external_id: shownId, code, message })),
  );
  const entries = fresh.flatMap(({ shownId, message }) => (shownId === null ? [] : [toEntry(shownId, message)]));
  if (scope.dryRun === true) await savePlanItems(tx, scope, entries);
  else {
    await meetPlan(tx, scope, entries);
    await listRejectedObjects(
      tx,
      scope,
      fresh.map(({ shownId, code, message }) => ({ externalId: shownId, code, message })),
    );
    await markSeen(tx, scope, [...new Set(rejections.flatMap(({ externalId }) => externalId ?? []))]);
  }
  return fresh.length;
}

/** An index row may have about 2,700 bytes. */
const MAX_SHOWN_ID_LENGTH = 255;
const shownIdOf = ({ externalId }: Rejection) => externalId && cleanText(externalId.slice(0, MAX_SHOWN_ID_LENGTH));

const toEntry = (externalId: string, message: string): PlanEntry => ({
  ...{
    key: externalId,
    action: 'reject',
    recordId: null,
    sourceId: null,
    externalId,
    detail: message,
    fingerprint: null,
  },
});

async function loggedAmong(
  tx: Transaction,
  { syncId }: RunScope,
  externalIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await tx.execute<{ external_id: string }>(sql`
    select external_id from sync_logs where sync_id = ${syncId} and action = 'rejected'
      and external_id = any (${textList(externalIds)})`);
  return new Set(rows.map((row) => row.external_id));
}

async function markSeen(
  tx: Transaction,
  { connectionId, resource, syncId }: RunScope,
  externalIds: readonly string[],
): Promise<void> {
  await tx.execute(sql`
    update record_links set last_sync_id = ${syncId}
    where connection_id = ${connectionId} and resource = ${resource}
      and external_id = any (${textList(externalIds)})`);
}
