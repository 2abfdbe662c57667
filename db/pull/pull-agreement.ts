import { sql } from 'drizzle-orm';
import type { FoundConflict } from '../records/open-conflicts.ts';
import { closeAgreedConflicts, openConflicts } from '../records/open-conflicts.ts';
import { OUTSTANDING_VERSION, saveAgreed } from '../records/agreed-records.ts';
import type { KindScope } from '../runs/run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';
import type { Decided } from './pull-lookup.ts';
import { isTwoWay } from './merge-rows.ts';
import { uuidList } from '../core/rows-by-column.ts';

/** The record's version that both sides agree on; null where nothing new is agreed. */
export function agreedVersionOf({
  decision,
  merged,
  record,
}: Pick<Decided, 'decision' | 'record'> & { readonly merged: Decided['merged'] | undefined }): number | null {
  // A version that was merely seen again agrees on nothing new.
  if (decision === 'touch' || decision === 'hold') return null;
  return merged?.changesProvider === true ? OUTSTANDING_VERSION : record.version;
}

/** Stores what applied decisions agreed on. */
export async function saveMerged(
  tx: Transaction,
  scope: KindScope,
  { agreed, created }: { readonly agreed: readonly Decided[]; readonly created: readonly Decided[] },
): Promise<void> {
  const isNew = new Set(created.map(({ record }) => record.id));
  const known = agreed.filter(({ record }) => !isNew.has(record.id));
  const merged = known.flatMap(({ record, merged: one }) =>
    one ? [{ recordId: record.id, agreement: one.agreement }] : [],
  );
  await saveAgreed(tx, scope, merged);
  await forgetAgreed(
    tx,
    scope,
    known.filter((one) => !one.merged),
  );
}

/** Taking the provider's fields agrees on them as they are. */
async function forgetAgreed(tx: Transaction, scope: KindScope, taken: readonly Decided[]): Promise<void> {
  if (taken.length === 0) return;
  await tx.execute(sql`
    delete from agreed_records where connection_id = ${scope.connectionId} and resource = ${scope.resource}
      and record_id = any (${uuidList(taken.map(({ record }) => record.id))})`);
}

/** Opens what a person has to decide, and closes what both sides agree on again. */
export async function saveConflicts(tx: Transaction, scope: KindScope, decided: readonly Decided[]): Promise<void> {
  if (!isTwoWay(scope)) return;
  await openConflicts(tx, scope, decided.flatMap(toConflict));
  const isOver = ({ decision, merged }: Decided) =>
    merged ? merged.open.length === 0 : decision === 'archive' || decision === 'revive';
  await closeAgreedConflicts(
    tx,
    scope,
    decided.filter((one) => one.record.version > 0 && isOver(one)).map(({ record }) => record.id),
  );
}

function toConflict({ decision, merged, record, pulled, differing }: Decided): readonly FoundConflict[] {
  const about = { recordId: record.id, sourceId: record.sourceId, externalId: pulled.externalId };
  if (decision === 'hold')
    return [{ ...about, kind: pulled.deleted ? 'deleted-by-provider' : 'deleted-by-venue', fields: differing ?? [] }];
  return merged && merged.open.length > 0 ? [{ ...about, kind: 'fields', fields: merged.open }] : [];
}
