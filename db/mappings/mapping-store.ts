import { and, desc, eq, isNotNull, lt, sql } from 'drizzle-orm';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { Resource } from '../../contracts/providers.ts';
import { DEFAULT_MAPPING } from '../../domain/mapping/mapping.ts';
import type { MappingDefinition } from '../../domain/mapping/mapping.ts';
import { canonicalJson } from '../../domain/sync/fingerprint.ts';
import { recordWith } from '../core/audit-store.ts';
import type { StoredReach } from '../connections/reach-store.ts';
import type { AuditOf } from '../core/audit-store.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import type { SyncKey } from '../../contracts/sync.ts';
import { connections } from '../schema/connections/connections.ts';
import { fieldMappings } from '../schema/records/field-mappings.ts';
import { syncCursors } from '../schema/runs/sync-cursors.ts';
import { syncRuns } from '../schema/runs/sync-runs.ts';

/** One version of a connection's field mapping. Version 0 is the defaults, which nobody has saved. */
export interface StoredMapping {
  readonly version: number;
  readonly definition: MappingDefinition;
  readonly active: boolean;
  readonly restoredVersion: number | null;
  readonly createdAt: Date | null;
  readonly createdBy: string | null;
  /** Null while records may still be as an earlier version has left them. */
  readonly reprojectedAt: Date | null;
}

export interface MappingRef extends ConnectionRef {
  readonly resource: Resource;
}

export interface NewMapping {
  readonly definition: MappingDefinition;
  readonly createdBy: string;
  /** With a rollback: the version whose definition it is. */
  readonly restoredVersion?: number | null;
}

export interface MappingStore {
  /** The version that applies. */
  find(ref: MappingRef): Promise<StoredMapping>;
  /** Null: there is no such version, or it was removed. Finds one that has not been activated, too. */
  findVersion(ref: MappingRef, version: number): Promise<StoredMapping | null>;
  /** Those that apply or have applied, newest first, the defaults last. */
  list(ref: MappingRef): Promise<readonly StoredMapping[]>;
  /**
   * Stores a new version, which does not apply yet. A definition equal to the one that applies is no new version: that
   * one is returned. Null: there is no such connection.
   */
  propose(ref: MappingRef, mapping: NewMapping): Promise<StoredMapping | null>;
  /** Makes a proposed version the one that applies. The next scheduled run of each direction is a full pass. */
  activate(ref: MappingRef, version: number, auditOf?: AuditOf<StoredMapping>): Promise<StoredMapping | null>;
  /** The directions in which the resource has been synced, dry runs apart. */
  usedDirections(ref: MappingRef): Promise<readonly SyncKey['direction'][]>;
  /** Every record has been read and written again under this version. */
  noteReprojected(ref: MappingRef, version: number): Promise<void>;
}

/** What a venue has chosen for how a connection's resource is read. */
export interface ChosenMappings {
  readonly stored: Pick<StoredMapping, 'version' | 'definition'>;
  readonly reach: Omit<StoredReach, 'historyFrom'>;
}

/** Versions that are kept; older ones are removed when one is added. */
const MAX_VERSIONS = 100;

/** What is in force while nothing is saved. */
export const DEFAULTS: StoredMapping = {
  version: 0,
  definition: DEFAULT_MAPPING,
  active: true,
  restoredVersion: null,
  ...{ createdAt: null, createdBy: null, reprojectedAt: null },
};

export function createMappingStore(db: Database): MappingStore {
  return {
    find: (ref) => withVenue(db, ref.venueId, (tx) => readActive(tx, ref)),

    list: (ref) =>
      withVenue(db, ref.venueId, async (tx) => {
        const rows = await tx
          .select(SHOWN)
          .from(fieldMappings)
          .where(and(isOf(ref), isNotNull(fieldMappings.activatedAt)))
          .orderBy(desc(fieldMappings.version));
        return [...rows, { ...DEFAULTS, active: rows.every(({ active }) => !active) }];
      }),

    findVersion: (ref, version) =>
      withVenue(db, ref.venueId, async (tx) => {
        if (version === 0) return DEFAULTS;
        const [row] = await tx.select(SHOWN).from(fieldMappings).where(isVersion(ref, version));
        return row ?? null;
      }),

    propose: (ref, mapping) => withVenue(db, ref.venueId, (tx) => propose(tx, ref, mapping)),

    activate: (ref, version, auditOf) =>
      withVenue(db, ref.venueId, async (tx) => {
        await lockConnection(tx, ref);
        await tx
          .update(fieldMappings)
          .set({ active: false })
          .where(and(isOf(ref), eq(fieldMappings.active, true)));
        const [row] = await tx
          .update(fieldMappings)
          .set({ active: true, activatedAt: sql`now()` })
          .where(isVersion(ref, version))
          .returning(SHOWN);
        await tx
          .update(syncCursors)
          .set({ fullStartedAt: null, fullFinishedAt: null })
          .where(and(eq(syncCursors.connectionId, ref.connectionId), eq(syncCursors.resource, ref.resource)));
        return row ? recordWith(tx, row, auditOf) : null;
      }),

    usedDirections: (ref) =>
      withVenue(db, ref.venueId, async (tx) => {
        const rows = await tx
          .selectDistinct({ direction: syncRuns.direction })
          .from(syncRuns)
          .where(
            and(
              eq(syncRuns.connectionId, ref.connectionId),
              eq(syncRuns.resource, ref.resource),
              eq(syncRuns.dryRun, false),
            ),
          );
        return rows.map(({ direction }) => direction);
      }),

    noteReprojected: (ref, version) =>
      withVenue(db, ref.venueId, async (tx) => {
        await tx
          .update(fieldMappings)
          .set({ reprojectedAt: sql`now()` })
          .where(isVersion(ref, version));
      }),
  };
}

const SHOWN = {
  version: fieldMappings.version,
  definition: fieldMappings.definition,
  active: fieldMappings.active,
  restoredVersion: fieldMappings.restoredVersion,
  createdAt: fieldMappings.createdAt,
  createdBy: fieldMappings.createdBy,
  reprojectedAt: fieldMappings.reprojectedAt,
};

const isOf = ({ connectionId, resource }: MappingRef) =>
  and(eq(fieldMappings.connectionId, connectionId), eq(fieldMappings.resource, resource));

const isVersion = (ref: MappingRef, version: number) => and(isOf(ref), eq(fieldMappings.version, version));

async function readActive(tx: Transaction, ref: MappingRef): Promise<StoredMapping> {
  const [row] = await tx
    .select(SHOWN)
    .from(fieldMappings)
    .where(and(isOf(ref), eq(fieldMappings.active, true)));
  return row ?? DEFAULTS;
}

/** One at a time for a connection, so that each version has a number of its own. */
async function lockConnection(tx: Transaction, { connectionId }: MappingRef): Promise<boolean> {
  const rows = await tx
    .select({ id: connections.id })
    .from(connections)
    .where(eq(connections.id, connectionId))
    .for('no key update');
  return rows.length > 0;
}

async function propose(
  tx: Transaction,
  ref: MappingRef,
  { definition, createdBy, restoredVersion = null }: NewMapping,
): Promise<StoredMapping | null> {
  if (!(await lockConnection(tx, ref))) return null;
  const before = await readActive(tx, ref);
  if (canonicalJson(before.definition) === canonicalJson(definition)) return before;
  const [newest] = await tx
    .select({ version: sql<number>`coalesce(max(${fieldMappings.version}), 0)::int` })
    .from(fieldMappings)
    .where(isOf(ref));
  const version = (newest?.version ?? 0) + 1;
  const isOld = lt(fieldMappings.version, version - MAX_VERSIONS + 1);
  await tx.delete(fieldMappings).where(and(isOf(ref), isOld, eq(fieldMappings.active, false)));
  const { venueId, connectionId, resource } = ref;
  const [row] = await tx
    .insert(fieldMappings)
    .values({ venueId, connectionId, resource, version, definition, active: false, createdBy, restoredVersion })
    .returning(SHOWN);
  return row ?? null;
}
