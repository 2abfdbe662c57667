import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { ConflictField, ConflictKind } from '../../contracts/conflicts.ts';
import type { RecordId } from '../../contracts/ids.ts';
import { runOf } from '../runs/run-scope.ts';
import type { KindScope } from '../runs/run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { uuidList } from '../core/rows-by-column.ts';

/** A conflict that a run found. */
export interface FoundConflict {
  readonly recordId: RecordId;
  readonly sourceId: string;
  readonly externalId: string | null;
  readonly kind: ConflictKind;
  readonly fields: readonly ConflictField[];
}

type LinkScope = Pick<KindScope, 'connectionId' | 'resource' | 'venueId' | 'syncId'>;

/** Opens conflicts. One that is open for the same link is replaced and keeps its id. */
export async function openConflicts(tx: Transaction, scope: LinkScope, found: readonly FoundConflict[]): Promise<void> {
  if (found.length === 0) return;
  const rows = found.map(({ recordId, sourceId, externalId, kind, fields }) => ({
    id: uuidv7(),
    ...{ record_id: recordId, source_id: sourceId, external_id: externalId, kind, fields },
  }));
  await tx.execute(sql`
    insert into merge_conflicts as k (id, venue_id, connection_id, resource, record_id, source_id, external_id, kind, fields, sync_id)
    select r.id, ${scope.venueId}, ${scope.connectionId}, ${scope.resource}, r.record_id, r.source_id, r.external_id, r.kind, r.fields, ${runOf(scope)}
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(id uuid, record_id uuid, source_id text, external_id text, kind text, fields jsonb)
    on conflict (record_id, connection_id, resource) where state = 'open' do update set
      kind = excluded.kind, fields = excluded.fields, external_id = excluded.external_id, sync_id = coalesce(excluded.sync_id, k.sync_id), updated_at = now()`);
}

/** Closes the open conflicts of records that both sides agree on again. */
export async function closeAgreedConflicts(
  tx: Transaction,
  { connectionId, resource }: LinkScope,
  recordIds: readonly RecordId[],
): Promise<void> {
  if (recordIds.length === 0) return;
  await tx.execute(sql`
    update merge_conflicts set state = 'resolved', resolution = 'agreed', resolved_at = now(), updated_at = now()
    where record_id = any (${uuidList(recordIds)})
      and connection_id = ${connectionId} and resource = ${resource} and state = 'open'`);
}
