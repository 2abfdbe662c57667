import { and, desc, eq, gte, lt, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { VenueId } from '../../contracts/ids.ts';
import { toPage } from './page.ts';
import type { Page, PageRequest } from './page.ts';
import { auditLog } from '../schema/audit-log.ts';
import { statement } from './statement.ts';
import type { Execution } from './statement.ts';
import { withVenue, writeVenue } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

export interface AuditEntry {
  /** Of the row, for an entry that may be written again after a commit of unknown outcome; a new one without it. */
  readonly id?: string;
  readonly venueId: VenueId;
  readonly actor: string;
  readonly action: string;
  readonly targetType: string;
  readonly targetId: string;
  readonly outcome: 'ok' | 'refused' | 'failed';
  readonly requestId: string | null;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

/** A stored audit entry. */
export interface AuditRow extends Omit<AuditEntry, 'id' | 'details'> {
  readonly id: string;
  readonly at: Date;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

export interface AuditFilter {
  readonly action?: string | undefined;
  /** Id of the object of the action. */
  readonly target?: string | undefined;
  /** Inclusive. */
  readonly from?: Date | undefined;
  /** Exclusive. */
  readonly to?: Date | undefined;
}

export interface AuditStore {
  record(entry: AuditEntry): Promise<void>;
  /**
   * Writes the entry in the caller's transaction, so that the change and its audit row are stored together or not at
   * all.
   */
  recordIn(tx: Transaction, entry: AuditEntry): Promise<void>;
  /** Newest first. */
  list(venueId: VenueId, query: { readonly filter: AuditFilter; readonly page: PageRequest }): Promise<Page<AuditRow>>;
}

/** Makes the audit row of a change from its outcome; null for none. */
export type AuditOf<Outcome> = (outcome: Outcome) => AuditEntry | null;

/** Writes a change's audit row in the change's own transaction. Returns the outcome of the change. */
export async function recordWith<Outcome>(
  tx: Transaction,
  outcome: Outcome,
  auditOf: AuditOf<Outcome> | undefined,
): Promise<Outcome> {
  const entry = auditOf?.(outcome) ?? null;
  if (entry) await recordIn(tx, entry);
  return outcome;
}

async function recordIn(tx: Transaction, entry: AuditEntry): Promise<void> {
  await tx.insert(auditLog).values({ id: uuidv7(), ...entry });
}

/**
 * An entry whose first commit was not heard of is there already. As one value, because all values of a statement that goes
 * ahead of others are texts.
 */
const RECORD = statement(sql`
  insert into audit_log (id, venue_id, actor, action, target_type, target_id, outcome, request_id, details)
  select (e ->> 'id')::uuid, (e ->> 'venueId')::uuid, e ->> 'actor', e ->> 'action', e ->> 'targetType', e ->> 'targetId',
    e ->> 'outcome', e ->> 'requestId', e -> 'details'
  from (select ${sql.placeholder('entry')}::jsonb as e) as given
  on conflict (id) do nothing returning 1 as one`);

/** The statement that writes an entry, for a transaction that sees the entry's venue. Done twice, it finds the row there. */
export function recordingOf({ id = uuidv7(), details = {}, ...entry }: AuditEntry): Execution<unknown> {
  return { statement: RECORD, values: { entry: JSON.stringify({ ...entry, id, details }) } };
}

export function createAuditStore(db: Database): AuditStore {
  return {
    async record(entry) {
      await writeVenue(db, entry.venueId, { last: recordingOf(entry) });
    },
    recordIn,
    list: (venueId, { filter: { action, target, from, to }, page: { limit, after } }) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx
          .select()
          .from(auditLog)
          .where(
            and(
              // Repeats row-level security's condition because the index starts with the venue.
              eq(auditLog.venueId, venueId),
              after === null ? undefined : lt(auditLog.id, after),
              action === undefined ? undefined : eq(auditLog.action, action),
              target === undefined ? undefined : eq(auditLog.targetId, target),
              from === undefined ? undefined : gte(auditLog.at, from),
              to === undefined ? undefined : lt(auditLog.at, to),
            ),
          )
          .orderBy(desc(auditLog.id))
          .limit(limit + 1);
        return toPage(rows, limit, { item: (row) => row, id: (row) => row.id });
      }),
  };
}
