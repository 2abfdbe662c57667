import { sql } from 'drizzle-orm';
import type { BlastRadius } from '../domain/blast-radius.ts';
import { lockRun } from './run-scope.ts';
import type { RunScope } from './run-scope.ts';
import { withVenue } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

/** Why a record is held for deleted. `told`: the provider says so, in its change feed or when asked. `unlisted`: a complete listing did not bring it. */
export type MissingReason = 'told' | 'unlisted';

export interface SyncMissingStore {
  /** Takes down every tied record that this run's complete listing did not bring. Repeating it adds nothing. Throws SupersededError. */
  findUnlisted(scope: RunScope): Promise<number>;
  /** How many records the run would archive, of how many. */
  blastRadius(scope: RunScope): Promise<BlastRadius>;
  /** The next records to settle, by their ids at the provider, in a stable order. */
  listUnsettled(scope: RunScope, reason: MissingReason, limit: number): Promise<readonly string[]>;
  /** The provider was asked for these and has them no more. Throws SupersededError. */
  confirm(scope: RunScope, externalIds: readonly string[]): Promise<void>;
}

export function createSyncMissingStore(db: Database): SyncMissingStore {
  return {
    findUnlisted: (scope) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        const rows = await tx.execute<{ external_id: string }>(sql`
          insert into sync_missing (sync_id, external_id, venue_id, record_id, reason)
          select ${scope.syncId}, l.external_id, l.venue_id, l.record_id, 'unlisted' from record_links l
          where l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource} and l.external_id is not null
            and l.state in ('linked', 'rejected') and ${unseenBy(scope)}
          on conflict do nothing returning external_id`);
        return rows.length;
      }),

    blastRadius: (scope) =>
      withVenue(db, scope.venueId, async (tx) => {
        const [row] = await tx.execute<{ archiving: number; of: number }>(sql`
          select (select count(*)::int from sync_missing m where m.sync_id = ${scope.syncId} and not m.settled) as archiving,
            (select count(*)::int from record_links l where l.connection_id = ${scope.connectionId} and l.resource = ${scope.resource}
              and l.external_id is not null and l.state in ('linked', 'rejected')) as of`);
        return { archiving: row?.archiving ?? 0, of: row?.of ?? 0 };
      }),

    listUnsettled: (scope, reason, limit) =>
      withVenue(db, scope.venueId, async (tx) => {
        const rows = await tx.execute<{ external_id: string }>(sql`
          select external_id from sync_missing where sync_id = ${scope.syncId} and reason = ${reason} and not settled order by external_id limit ${limit}`);
        return rows.map((row) => row.external_id);
      }),

    confirm: (scope, externalIds) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        await tx.execute(sql`
          update sync_missing set reason = 'told'
          where sync_id = ${scope.syncId} and external_id in (select jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb))`);
      }),
  };
}

/**
 * A dry run leaves no mark on a link: what it saw stands in its plan. What was written since the run began is not missing: the listing may
 * have been past its place already.
 */
const unseenBy = ({ syncId, dryRun }: RunScope) => {
  const unseen =
    dryRun === true
      ? sql`not exists (select from sync_plan_items p where p.sync_id = ${syncId} and p.key = l.external_id)`
      : sql`l.last_sync_id is distinct from ${syncId}`;
  return sql`${unseen} and l.synced_at < (select s.started_at from sync_runs s where s.id = ${syncId})`;
};

/** Takes down what the change feed tells to be deleted; one that we never had is settled at once. */
export async function noteMissing(tx: Transaction, scope: RunScope, externalIds: readonly string[]): Promise<void> {
  if (externalIds.length === 0) return;
  await tx.execute(sql`
    insert into sync_missing (sync_id, external_id, venue_id, record_id, reason, settled)
    select ${scope.syncId}, w.external_id, ${scope.venueId}, l.record_id, 'told', l.record_id is null or l.state = 'gone'
    from jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb) as w(external_id)
    left join lateral (select record_id, state from record_links where connection_id = ${scope.connectionId} and resource = ${scope.resource}
      and external_id = w.external_id limit 1) l on true
    on conflict do nothing`);
}

/** Of these, the ids of the ones that the run's change feed has told to be deleted. */
export async function missingAmong(tx: Transaction, scope: RunScope, records: readonly { readonly externalId: string }[]): Promise<ReadonlySet<string>> {
  if (records.length === 0) return new Set();
  const externalIds = records.map(({ externalId }) => externalId);
  const rows = await tx.execute<{ external_id: string }>(sql`
    select external_id from sync_missing where sync_id = ${scope.syncId} and reason = 'told'
      and external_id in (select jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb))`);
  return new Set(rows.map((row) => row.external_id));
}

export async function settle(tx: Transaction, scope: RunScope, externalIds: readonly string[]): Promise<void> {
  if (externalIds.length === 0) return;
  await tx.execute(sql`
    update sync_missing set settled = true
    where sync_id = ${scope.syncId} and external_id in (select jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb))`);
}
