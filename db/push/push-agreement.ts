import { sql } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import { overStored } from '../../domain/mapping/kept-fields.ts';
import { agreedByWrite, toStored } from '../../domain/sync/merge/agreed-version.ts';
import type { StoredAgreement } from '../../domain/sync/merge/agreed-version.ts';
import { comparableFields, mapFieldsOf } from '../../records/comparable-fields.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import { isTwoWay } from '../pull/merge-rows.ts';
import { saveAgreed } from '../records/agreed-records.ts';
import { closeAgreedConflicts } from '../records/open-conflicts.ts';
import { tableOf } from '../records/record-tables.ts';
import type { KindScope } from '../runs/run-scope.ts';
import { together } from '../core/venue-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';
import type { PushMerging } from './push-merge.ts';
import { uuidList } from '../core/rows-by-column.ts';

/** The outcome of a write, as far as it says what both sides agree on. */
export interface Pushed {
  readonly recordId: RecordId;
  readonly recordVersion: number;
  readonly action: 'created' | 'updated' | 'archived' | 'unchanged' | 'rejected';
  /** The record's fields as they were written. */
  readonly fields: RecordFields;
  /** The remote record's fields as the write's answer tells them; null without one. */
  readonly answer: RecordFields | null;
  readonly merging: PushMerging | null;
}

/** Stores what written records agreed on, besides their links. */
export async function savePushed(tx: Transaction, scope: KindScope, results: readonly Pushed[]): Promise<void> {
  const done = results.filter(({ action }) => action !== 'rejected');
  const newer = await changedSince(tx, scope, done);
  const ended = done.filter(({ merging, action }) => merging?.endsConflict === true || action === 'archived');
  await together(
    saveAgreed(
      tx,
      scope,
      done.flatMap((result) => agreementOf(scope, result, newer.has(result.recordId))),
    ),
    dropVenueSide(
      tx,
      scope,
      done.filter(({ merging, answer, action }) => merging === null && answer === null && action === 'unchanged'),
    ),
    closeAgreedConflicts(
      tx,
      scope,
      ended.map(({ recordId }) => recordId),
    ),
  );
}

/** A push in one direction that found nothing to write agrees on the record as it is. */
async function dropVenueSide(tx: Transaction, scope: KindScope, results: readonly Pushed[]): Promise<void> {
  if (results.length === 0) return;
  await tx.execute(sql`
    update agreed_records set venue = null
    where record_id = any (${uuidList(results.map(({ recordId }) => recordId))})
      and connection_id = ${scope.connectionId} and resource = ${scope.resource} and venue is not null`);
}

/** Records that the venue changed while they were written. The write agrees on their earlier fields. */
async function changedSince(
  tx: Transaction,
  scope: KindScope,
  results: readonly Pushed[],
): Promise<ReadonlySet<RecordId>> {
  if (!isTwoWay(scope) || results.length === 0) return new Set();
  const written = new Map(results.map(({ recordId, recordVersion }) => [recordId, recordVersion]));
  // Locked, so that a later change finds the agreed version and keeps its fields.
  const rows = await tx.execute<{ id: RecordId; version: number }>(sql`
    select c.id, c.version from ${tableOf(scope.kind)} c
    where c.id = any (${uuidList([...written.keys()])})
    order by c.id for no key update of c`);
  return new Set(rows.filter(({ id, version }) => version !== written.get(id)).map(({ id }) => id));
}

interface Agreement {
  readonly recordId: RecordId;
  readonly agreement: StoredAgreement;
}

function agreementOf({ kind, mapping }: KindScope, result: Pushed, isOlder: boolean): readonly Agreement[] {
  const { recordId, merging, action, answer } = result;
  if (action === 'archived') return [{ recordId, agreement: { venue: null, provider: null } }];
  if (merging === null && answer === null) return [];
  const venue = merging?.own ?? comparableFields(kind, result.fields);
  const { agreed: before, held } = merging ?? { agreed: { venue, provider: venue }, held: [] };
  const agreed = agreedByWrite({
    agreed: before,
    held,
    venue,
    answer: answer && overStored(comparableFields(kind, answer), venue, mapping?.kept),
    maps: mapFieldsOf(kind),
  });
  const agreement = toStored(agreed, venue);
  return [{ recordId, agreement: isOlder ? { ...agreement, venue: agreed.venue } : agreement }];
}
