import { sql } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import { writeMany } from '../core/many-rows.ts';
import { rowsByColumn } from '../core/rows-by-column.ts';
import type { GivenColumn } from '../core/rows-by-column.ts';
import type { RunScope } from './run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';

export interface LogInsert {
  readonly record_id: RecordId | null;
  readonly source_id: string | null;
  readonly external_id: string | null;
  readonly level: string;
  readonly action: string;
  readonly code: string | null;
  readonly message: string | null;
}

/** Characters of a line's text. It may quote what a provider said, which nobody bounds. */
export const MAX_LOG_TEXT = 2_000;

/** Adds lines to the run's log. */
export async function insertLogs(
  tx: Transaction,
  scope: Pick<RunScope, 'venueId' | 'syncId'>,
  rows: readonly LogInsert[],
): Promise<void> {
  if (rows.length === 0) return;
  await writeMany(
    tx,
    sql`
    insert into sync_logs (venue_id, sync_id, level, action, record_id, source_id, external_id, code, message)
    select ${scope.venueId}, ${scope.syncId}, r.level, r.action, r.record_id, r.source_id, r.external_id, r.code, left(r.message, ${MAX_LOG_TEXT})
    from ${rowsByColumn(rows, COLUMNS)}`,
  );
}

const COLUMNS: readonly GivenColumn<LogInsert>[] = [
  { name: 'record_id', type: 'uuid', of: (row) => row.record_id },
  ...(['level', 'action', 'source_id', 'external_id', 'code', 'message'] as const).map((name) => ({
    ...{ name, type: 'text', of: (row: LogInsert) => row[name] },
  })),
];
