import { and, asc, eq, sql } from 'drizzle-orm';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import type { UnknownField } from '../../contracts/unknown-fields.ts';
import { MAX_UNKNOWN_FIELDS } from '../../domain/reach/unknown-fields.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { announceUnknownFields } from '../outgoing/announcements.ts';
import { unknownFields } from '../schema/connections/unknown-fields.ts';

interface ResourceRef extends ConnectionRef {
  readonly resource: Resource;
}

export interface StoredUnknownField extends UnknownField {
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
}

/** At most `MAX_UNKNOWN_FIELDS`, those that were seen first in front. Inside the caller's transaction. */
export function readUnknownFields(
  tx: Transaction,
  { connectionId, resource }: ResourceRef,
): Promise<readonly StoredUnknownField[]> {
  const { path, kind, firstSeenAt, lastSeenAt } = unknownFields;
  return tx
    .select({ path, kind, firstSeenAt, lastSeenAt })
    .from(unknownFields)
    .where(and(eq(unknownFields.connectionId, connectionId), eq(unknownFields.resource, resource)))
    .orderBy(asc(firstSeenAt), asc(path))
    .limit(MAX_UNKNOWN_FIELDS);
}

/**
 * Notes that a provider's objects have these fields, and announces those that are new. Beyond `MAX_UNKNOWN_FIELDS` of the
 * connection and resource nothing is added. Call it last in a transaction: it waits for other runs of the resource.
 */
export async function noteUnknownFields(
  tx: Transaction,
  ref: ResourceRef & { readonly provider: ProviderId },
  fields: readonly UnknownField[],
): Promise<void> {
  if (fields.length === 0) return;
  const { venueId, connectionId, resource } = ref;
  // Two runs that count at once would both fill the room that is left.
  await tx.execute(
    sql`select pg_advisory_xact_lock(hashtextextended(${`unknown-fields/${connectionId}/${resource}`}, 0))`,
  );
  const [row] = await tx.execute<{ added: number }>(sql`
    with told as (
      select distinct on (path) path, kind from jsonb_to_recordset(${JSON.stringify(fields)}::jsonb) t(path text, kind text) order by path
    ), met as (
      update unknown_fields u set last_seen_at = now() from told
      where u.connection_id = ${connectionId} and u.resource = ${resource} and u.path = told.path returning u.path
    ), added as (
      insert into unknown_fields (connection_id, resource, path, venue_id, kind)
      select ${connectionId}, ${resource}, path, ${venueId}, kind from told where path not in (select path from met) order by path
      limit greatest(0, ${MAX_UNKNOWN_FIELDS} - (select count(*) from unknown_fields where connection_id = ${connectionId} and resource = ${resource}))
      returning path
    )
    select count(*)::integer as added from added`);
  await announceUnknownFields(tx, ref, row?.added ?? 0);
}
