import { sql } from 'drizzle-orm';
import type { ConnectionRef, RecordId } from '../../contracts/ids.ts';
import type { SyncConnectionInput } from '../../contracts/sync.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { addDeadLetters, resolveDeadLetters } from './dead-letters.ts';

type SyncedResource = Pick<SyncConnectionInput, 'connectionId' | 'resource'>;

/** The key of a record that a push could not write. */
const recordKey = ({ connectionId, resource }: SyncedResource, recordId: RecordId) =>
  `${connectionId}/${resource}/record/${recordId}`;

/** The key of a provider's object that a pull could not store. */
const objectKey = ({ connectionId, resource }: SyncedResource, externalId: string) =>
  `${connectionId}/${resource}/object/${externalId}`;

interface Outcome {
  readonly code: string | null;
  readonly message: string | null;
}

/** A record's outcome in a push. */
export interface PushedRecord extends Outcome {
  readonly recordId: RecordId;
  readonly recordVersion: number;
  readonly externalId: string | null;
  readonly action: string;
}

/** Lists the records that a push could not write, and settles those that it could. */
export async function settlePushed(
  tx: Transaction,
  scope: SyncConnectionInput,
  results: readonly PushedRecord[],
): Promise<void> {
  const isRejected = ({ action }: PushedRecord) => action === 'rejected';
  await addDeadLetters(
    tx,
    results.filter(isRejected).map((result) => ({
      ...failureIn(scope, result),
      sourceKey: recordKey(scope, result.recordId),
      ...{ recordId: result.recordId, recordVersion: result.recordVersion, externalId: result.externalId },
    })),
  );
  const written = results.filter((result) => !isRejected(result));
  await resolveDeadLetters(
    tx,
    'record',
    written.map(({ recordId }) => recordKey(scope, recordId)),
  );
}

/** An object that a pull could not store. `externalId` is null for one without a readable id. */
export interface RejectedObject extends Outcome {
  readonly externalId: string | null;
}

/** Lists objects that a pull could not store. Those without an id share an entry for each reason. */
export const listRejectedObjects = (
  tx: Transaction,
  scope: SyncConnectionInput,
  rejections: readonly RejectedObject[],
): Promise<void> =>
  addDeadLetters(
    tx,
    rejections.map((rejection) => ({
      ...failureIn(scope, rejection),
      sourceKey:
        rejection.externalId === null
          ? `${scope.connectionId}/${scope.resource}/unnamed/${rejection.code ?? 'rejected'}`
          : objectKey(scope, rejection.externalId),
      externalId: rejection.externalId,
    })),
  );

/** Settles the entries of objects that a pull has stored, or found to be deleted. */
export const resolveObjects = (tx: Transaction, scope: SyncedResource, externalIds: readonly string[]): Promise<void> =>
  resolveDeadLetters(
    tx,
    'record',
    externalIds.map((id) => objectKey(scope, id)),
  );

/** Settles the entries of records that could not be written and are tied to a remote record now. */
export const resolveTied = (tx: Transaction, scope: SyncedResource, recordIds: readonly RecordId[]): Promise<void> =>
  resolveDeadLetters(
    tx,
    'record',
    recordIds.map((id) => recordKey(scope, id)),
  );

/**
 * Settles the entries of a connection whose records were deleted: a later sync reads everything anew. A connection that
 * is disconnected and keeps its records keeps its entries, too. A later pull reads only what has changed since, so that
 * they alone name what is missing.
 */
export async function resolveOfConnection(tx: Transaction, { venueId, connectionId }: ConnectionRef): Promise<void> {
  await tx.execute(sql`
    update dead_letters set state = 'resolved', closed_at = now()
    where id in (
      select id from dead_letters
      where venue_id = ${venueId} and connection_id = ${connectionId} and source = 'record' and state in ('open', 'retrying')
      order by source_key for update)`);
}

const failureIn = (
  { venueId, connectionId, provider, resource, direction, syncId }: SyncConnectionInput,
  { code, message }: Outcome,
) => ({
  ...{ venueId, source: 'record' as const, connectionId, provider, resource, direction, syncId },
  ...{ code: code ?? 'rejected', message: message ?? 'The record was rejected.' },
});
