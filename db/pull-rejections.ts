import { sql } from 'drizzle-orm';
import { insertLogs } from './sync-log.ts';
import type { RunScope } from './run-scope.ts';
import type { Transaction } from './venue-scope.ts';

/** An object of the provider's that cannot become a record. `message` names fields and rules, never values. */
export interface Rejection {
  readonly externalId: string | null;
  readonly code: string;
  readonly message: string;
}

/**
 * Logs what a pull rejects, each object once in a run, and returns how many are new to it. A rejected object exists at the provider: a record
 * that is tied to it counts as seen, so that a full pass does not take it for deleted.
 */
export async function logRejections(tx: Transaction, scope: RunScope, rejections: readonly Rejection[]): Promise<number> {
  if (rejections.length === 0) return 0;
  const externalIds = [...new Set(rejections.flatMap(({ externalId }) => externalId ?? []))];
  const logged = await loggedAmong(tx, scope, externalIds);
  const isNew = ({ externalId }: Rejection, index: number): boolean =>
    externalId === null || (!logged.has(externalId) && rejections.findIndex((one) => one.externalId === externalId) === index);
  const fresh = rejections.filter(isNew);
  const row = { record_id: null, source_id: null, level: 'error', action: 'rejected' };
  await insertLogs(tx, scope, fresh.map(({ externalId, code, message }) => ({ ...row, external_id: externalId, code, message })));
  if (scope.dryRun !== true) await markSeen(tx, scope, externalIds);
  return fresh.length;
}

async function loggedAmong(tx: Transaction, { syncId }: RunScope, externalIds: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await tx.execute<{ external_id: string }>(sql`
    select external_id from sync_logs where sync_id = ${syncId} and action = 'rejected'
      and external_id in (select jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb))`);
  return new Set(rows.map((row) => row.external_id));
}

async function markSeen(tx: Transaction, { connectionId, resource, syncId }: RunScope, externalIds: readonly string[]): Promise<void> {
  await tx.execute(sql`
    update record_links set last_sync_id = ${syncId}
    where connection_id = ${connectionId} and resource = ${resource}
      and external_id in (select jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb))`);
}
