import { sql } from 'drizzle-orm';
import { changedPaths } from '../../domain/mapping/changed-rules.ts';
import { DEFAULT_MAPPING } from '../../domain/mapping/mapping.ts';
import type { MappingDefinition } from '../../domain/mapping/mapping.ts';
import type { KindScope } from '../runs/run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';
import type { RemoteRow } from './pull-lookup.ts';

/** Paths of a record of which its agreed version says nothing, because they mean something else now. */
export type ChangedMeaning = (row: RemoteRow) => readonly string[];

/** How long a run may go on with the reach that it has read: longer than any attempt at a chunk. */
const READ_REACH_LASTS_MS = 5 * 60_000;

/**
 * What a record and the provider's object have agreed on holds for the mapping and the reach of that time. A field that a
 * new rule sends or reads, and one that is no longer left out, has never been compared, although the agreed version has
 * the venue's value for both sides: what the provider holds there is not a change of the provider's.
 */
export async function readChangedMeaning(
  tx: Transaction,
  scope: KindScope,
  rows: readonly RemoteRow[],
): Promise<ChangedMeaning> {
  const current = scope.mapping?.version ?? 0;
  const earlier = [...new Set(rows.map(versionOf))].filter((version) => version !== current);
  const definitions = earlier.length === 0 ? NONE : await readDefinitions(tx, scope, [current, ...earlier]);
  const now = definitions.get(current) ?? DEFAULT_MAPPING;
  const byVersion = new Map(
    // A version that was removed counts as the defaults.
    earlier.map((version) => [version, changedPaths(definitions.get(version) ?? DEFAULT_MAPPING, now)]),
  );
  const included = await readIncluded(tx, scope);
  return (row) => [
    ...(byVersion.get(versionOf(row)) ?? []),
    ...included.flatMap(({ field, sinceMs }) =>
      (row.synced_at_ms ?? 0) < sinceMs + READ_REACH_LASTS_MS ? [field] : [],
    ),
  ];
}

const NONE: ReadonlyMap<number, MappingDefinition> = new Map();

const versionOf = (row: RemoteRow): number => row.mapping_version ?? 0;

async function readDefinitions(
  tx: Transaction,
  { connectionId, resource }: KindScope,
  versions: readonly number[],
): Promise<ReadonlyMap<number, MappingDefinition>> {
  const found = await tx.execute<{ version: number; definition: MappingDefinition }>(sql`
    select version, definition from field_mappings where connection_id = ${connectionId} and resource = ${resource}
      and version in (select jsonb_array_elements_text(${JSON.stringify(versions)}::jsonb)::integer)`);
  return new Map(found.map(({ version, definition }) => [version, definition]));
}

async function readIncluded(
  tx: Transaction,
  { connectionId, resource }: KindScope,
): Promise<readonly { readonly field: string; readonly sinceMs: number }[]> {
  const found = await tx.execute<{ field: string; since_ms: number }>(sql`
    select f.key as field, (extract(epoch from f.value::timestamptz) * 1000)::float8 as since_ms
    from connection_reach r cross join lateral jsonb_each_text(r.included_since) f
    where r.connection_id = ${connectionId} and r.resource = ${resource}`);
  return found.map(({ field, since_ms: sinceMs }) => ({ field, sinceMs }));
}
