import type postgres from 'postgres';
import type { Resource } from '../../../contracts/providers.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import type { TestVenue } from './sync-world.ts';

/** What differs between two venues that hold the same. */
const OWN = ['id', 'venue_id', 'source_id', 'created_at', 'updated_at', 'version', 'deleted_at'];

/**
 * A venue's records of a resource by the provider's id, without what is the venue's own, so that two venues can be
 * compared. Other records are named by the provider's ids too.
 */
export async function comparableRecords(
  admin: postgres.Sql,
  { venueId, connectionId }: TestVenue,
  resource: Resource,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { table } = RECORD_KINDS.get(resource);
  const links = await admin<{ own: string; id: string }[]>`
    select record_id as own, external_id as id from record_links where connection_id = ${connectionId}`;
  const externalIds = new Map(links.map(({ own, id }) => [own, id]));
  const rows = await admin<{ id: string; record: Readonly<Record<string, unknown>> }[]>`
    select link.external_id as id, to_jsonb(record) as record from ${admin(table)} record
    join record_links link on link.record_id = record.id and link.resource = ${resource}
    where record.venue_id = ${venueId} and record.deleted_at is null order by link.external_id`;
  const comparable = (field: string, value: unknown): unknown => {
    if (field.endsWith('_id') && !field.endsWith('_source_id')) return externalIds.get(String(value)) ?? value;
    return field.endsWith('_source_id') && typeof value === 'string' ? value.split(':').at(-1) : value;
  };
  return rows.map(({ id, record }) => ({
    id,
    ...Object.fromEntries(
      Object.entries(record).flatMap(([field, value]) =>
        OWN.includes(field) ? [] : [[field, comparable(field, value)] as const],
      ),
    ),
  }));
}
