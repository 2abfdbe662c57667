import { and, asc, eq, sql } from 'drizzle-orm';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import type { CustomFieldChange, UnknownField } from '../../contracts/unknown-fields.ts';
import { MAX_UNKNOWN_FIELDS } from '../../domain/reach/unknown-fields.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { announceCustomFields, announceUnknownFields } from '../outgoing/announcements.ts';
import { unknownFields } from '../schema/connections/unknown-fields.ts';

interface ResourceRef extends ConnectionRef {
  readonly resource: Resource;
}

export interface StoredUnknownField extends UnknownField {
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
  /** Null while it is there. */
  readonly vanishedAt: Date | null;
}

/** At most `MAX_UNKNOWN_FIELDS`, those that were seen first in front. Inside the caller's transaction. */
export function readUnknownFields(
  tx: Transaction,
  { connectionId, resource }: ResourceRef,
): Promise<readonly StoredUnknownField[]> {
  const { path, kind, firstSeenAt, lastSeenAt, vanishedAt } = unknownFields;
  return tx
    .select({ path, kind, firstSeenAt, lastSeenAt, vanishedAt })
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
  const changes = await tx.execute<{ path: string; kind: UnknownField['kind']; change: CustomFieldChange }>(sql`
    with told as (
      select distinct on (path) path, kind from jsonb_to_recordset(${JSON.stringify(fields)}::jsonb) t(path text, kind text) order by path
    ), known as (
      select u.path, u.vanished_at from unknown_fields u join told using (path) where u.connection_id = ${connectionId} and u.resource = ${resource}
    ), met as (
      update unknown_fields u set last_seen_at = now(), vanished_at = null from known
      where u.connection_id = ${connectionId} and u.resource = ${resource} and u.path = known.path returning u.path, u.kind, known.vanished_at
    ), added as (
      insert into unknown_fields (connection_id, resource, path, venue_id, kind)
      select ${connectionId}, ${resource}, path, ${venueId}, kind from told where path not in (select path from met) order by path
      limit greatest(0, ${MAX_UNKNOWN_FIELDS} - (select count(*) from unknown_fields where connection_id = ${connectionId} and resource = ${resource}))
      returning path, kind
    )
    select path, kind, 'added' as change from added union all select path, kind, 'returned' from met where vanished_at is not null order by path`);
  const custom = changes.filter(({ kind }) => kind === 'custom-field');
  for (const change of ['added', 'returned'] as const)
    await announceCustomFields(tx, ref, { change, fields: pathsOf(custom.filter((one) => one.change === change)) });
  await announceUnknownFields(tx, ref, changes.length - custom.length);
}

const pathsOf = (fields: readonly { readonly path: string }[]): readonly string[] => fields.map(({ path }) => path);

/**
 * Marks custom fields that a full pull has not met, and announces them. Call it when the pull has read everything since
 * `startedAt`, and rejected nothing. A full list tells nothing: the pull may have met others than those on it. What the
 * connection leaves out is not met either.
 */
export async function noteVanishedFields(
  tx: Transaction,
  ref: ResourceRef & { readonly provider: ProviderId },
  startedAt: Date,
): Promise<void> {
  const { connectionId, resource } = ref;
  const vanished = await tx.execute<{ path: string }>(sql`
    update unknown_fields set vanished_at = now()
    where connection_id = ${connectionId} and resource = ${resource} and kind = 'custom-field' and vanished_at is null
      and last_seen_at < ${startedAt.toISOString()}::timestamptz
      and (select count(*) from unknown_fields where connection_id = ${connectionId} and resource = ${resource}) < ${MAX_UNKNOWN_FIELDS}
      and not exists (select from connection_reach h where h.connection_id = ${connectionId} and h.resource = ${resource}
        and h.excluded_fields ? split_part(path, '.', 1))
    returning path`);
  await announceCustomFields(tx, ref, { change: 'vanished', fields: pathsOf(vanished).toSorted() });
}
