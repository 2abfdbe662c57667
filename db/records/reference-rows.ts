import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import type { Transaction } from '../core/venue-scope.ts';
import type { KindScope } from '../runs/run-scope.ts';
import { tableOf } from './record-tables.ts';

export interface OwnIds {
  readonly id: RecordId;
  readonly sourceId: string;
}

export interface NamedRecord extends OwnIds {
  readonly externalId: string;
}

/** What settling has to know of a run. */
export type SettlingScope = Pick<KindScope, 'connectionId' | 'resource' | 'kinds' | 'account'>;

/**
 * Rows `f`, the references of the connection to record `r` of the scope's kind. With an offset, so that each is looked up by its key: the
 * planner would turn a plain condition into a join, and on tables that it knows nothing of read all references of the connection.
 */
export const referencesTo = ({ connectionId, resource }: Pick<SettlingScope, 'connectionId' | 'resource'>): SQL => sql`
  lateral (select resource, name, record_id from record_references
    where connection_id = ${connectionId} and to_resource = ${resource} and external_id = r.external_id offset 0) f`;

/** Changes records `t` of a kind without making the change the venue's: what was agreed with the provider moves along. */
export async function changeAgreed(
  tx: Transaction,
  { connectionId, kind }: Pick<KindScope, 'connectionId' | 'kind'>,
  set: SQL,
): Promise<void> {
  await tx.execute(sql`
    with changed as (update ${tableOf(kind)} t set ${set} returning t.id, t.version)
    update record_links l set record_version = changed.version from changed
    where l.connection_id = ${connectionId} and l.resource = ${kind.name} and l.record_id = changed.id and l.record_version = changed.version - 1`);
}
