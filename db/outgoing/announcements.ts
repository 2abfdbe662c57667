import { sql } from 'drizzle-orm';
import type { DeadLetterSource } from '../../contracts/dead-letters.ts';
import type { ConnectionRef, VenueId } from '../../contracts/ids.ts';
import type { OutgoingEventType, StaleReason } from '../../contracts/outgoing-webhooks.ts';
import type { OpenReconciliationInput } from '../../contracts/reconciliation.ts';
import type { SyncConnectionInput, SyncCounts, SyncKey, SyncOutcome } from '../../contracts/sync.ts';
import type { CustomFieldChange } from '../../contracts/unknown-fields.ts';
import type { EventPayload } from '../../domain/outgoing/event-payloads.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { announce } from './announce.ts';

const runPath = ({ venueId, syncId }: SyncConnectionInput): string => `/v1/venues/${venueId}/syncs/${syncId}`;
const connectionPath = ({ venueId, connectionId }: ConnectionRef): string =>
  `/v1/venues/${venueId}/connections/${connectionId}`;

const schedulePath = (sync: SyncKey): string => `${connectionPath(sync)}/schedules/${sync.resource}`;

const syncOf = ({ connectionId, provider, resource, direction }: SyncKey) => ({
  ...{ connectionId, provider, resource, direction },
});

const aboutRun = (input: SyncConnectionInput) => ({
  ...{ syncId: input.syncId, ...syncOf(input), mode: input.mode, dryRun: input.dryRun === true },
  path: runPath(input),
});

/** A run has ended. `firstPass`: it is the first of its sync to have gone through everything. */
export async function announceRunEnd(
  tx: Transaction,
  input: SyncConnectionInput,
  end: {
    readonly outcome: SyncOutcome;
    readonly errorCode: string | null;
    readonly counts: SyncCounts;
    readonly firstPass: boolean;
  },
): Promise<void> {
  const { venueId } = input;
  const { outcome, errorCode, counts, firstPass } = end;
  const data = { ...aboutRun(input), outcome, counts };
  await (outcome === 'failed'
    ? announce(tx, { venueId, type: 'sync.failed', data: { ...data, errorCode } })
    : announce(tx, { venueId, type: 'sync.finished', data }));
  if (firstPass) await announce(tx, { venueId, type: 'backfill.done', data: { ...aboutRun(input), counts } });
}

/** A run waits, and why: never for what a person has stopped. */
export function announcePause(
  tx: Transaction,
  input: SyncConnectionInput,
  pause: Pick<EventPayload<'sync.paused'>, 'by' | 'reason' | 'until'>,
): Promise<void> {
  return announce(tx, { venueId: input.venueId, type: 'sync.paused', data: { ...aboutRun(input), ...pause } });
}

/** A person has stopped all syncs of a connection. */
export function announceSuspension(tx: Transaction, ref: ConnectionRef): Promise<void> {
  const { venueId, connectionId } = ref;
  const pause = { by: 'operator', reason: 'suspended', until: null } as const;
  return announce(tx, { venueId, type: 'sync.paused', data: { connectionId, ...pause, path: connectionPath(ref) } });
}

/** A person has paused the schedule of a sync. */
export function announceSchedulePause(tx: Transaction, sync: SyncKey): Promise<void> {
  const pause = { by: 'operator', reason: 'schedule-paused', until: null } as const;
  return announce(tx, {
    venueId: sync.venueId,
    type: 'sync.paused',
    data: { ...syncOf(sync), ...pause, path: schedulePath(sync) },
  });
}

/** A scheduled sync has not ended well for long. `lastGoodAt`: when it last did; null when it never has. */
export function announceStale(
  tx: Transaction,
  sync: SyncKey,
  { reason, lastGoodAt }: { readonly reason: StaleReason; readonly lastGoodAt: Date | null },
): Promise<void> {
  return announce(tx, {
    venueId: sync.venueId,
    type: 'sync.stale',
    data: {
      ...{ ...syncOf(sync), reason, lastGoodRunAt: lastGoodAt?.toISOString() ?? null },
      path: schedulePath(sync),
    },
  });
}

/** Records of the venue have changed because the provider's have. A burst is one message; its `path` lists the records. */
export async function announceChanges(
  tx: Transaction,
  input: SyncConnectionInput,
  { created = 0, updated = 0, archived = 0 }: Partial<SyncCounts>,
): Promise<void> {
  if (created + updated + archived === 0) return;
  const { venueId, connectionId, resource, provider } = input;
  await announce(tx, {
    venueId,
    type: 'record.changed',
    data: {
      ...{ connectionId, provider, resource },
      path: `/v1/venues/${venueId}/records/${resource}?connectionId=${connectionId}&includeDeleted=true`,
    },
    digest: { key: `${connectionId}/${resource}`, counts: { created, updated, archived } },
  });
}

/** The state of a connection has changed. */
export async function announceConnection(
  tx: Transaction,
  ref: ConnectionRef,
  type: Extract<OutgoingEventType, `connection.${string}`>,
): Promise<void> {
  const { venueId, connectionId } = ref;
  const [row] = await tx.execute<{ provider: string }>(
    sql`select provider from connections where id = ${connectionId}`,
  );
  if (!row) return;
  await announce(tx, {
    venueId,
    type,
    data: { connectionId, provider: row.provider, path: connectionPath(ref) },
  });
}

/** A reconciliation has found discrepancies. Those of one reconciliation that are found together are one message. */
export async function announceDiscrepancies(
  tx: Transaction,
  { venueId, connectionId, reconciliationId }: OpenReconciliationInput,
  found: number,
): Promise<void> {
  if (found === 0) return;
  const path = `/v1/venues/${venueId}/reconciliations/${reconciliationId}/discrepancies`;
  await announce(tx, {
    venueId,
    type: 'discrepancy.found',
    data: { connectionId, reconciliationId, path },
    digest: { key: reconciliationId, counts: { found } },
  });
}

type ResourceOfConnection = ConnectionRef & Pick<SyncConnectionInput, 'provider' | 'resource'>;

const aboutFields = ({ connectionId, provider, resource, ...ref }: ResourceOfConnection) => ({
  ...{ connectionId, provider, resource },
  path: `${connectionPath({ connectionId, ...ref })}/reach/${resource}/unknown-fields`,
});

/** Objects of a provider have had values that nobody knows. The `path` lists in which fields. */
export async function announceUnknownFields(tx: Transaction, ref: ResourceOfConnection, found: number): Promise<void> {
  if (found === 0) return;
  await announce(tx, {
    venueId: ref.venueId,
    type: 'unknown-field.found',
    data: aboutFields(ref),
    digest: { key: `${ref.connectionId}/${ref.resource}`, counts: { found } },
  });
}

/** Custom fields at the provider have changed. `fields`: their paths, in which names that may be personal data are hidden. */
export async function announceCustomFields(
  tx: Transaction,
  ref: ResourceOfConnection,
  { change, fields }: { readonly change: CustomFieldChange; readonly fields: readonly string[] },
): Promise<void> {
  if (fields.length === 0) return;
  await announce(tx, {
    venueId: ref.venueId,
    type: 'custom-field.changed',
    data: { ...aboutFields(ref), change, fields: [...fields] },
    digest: { key: `${ref.connectionId}/${ref.resource}/${change}`, counts: { fields: fields.length } },
  });
}

/** Things of one source have failed for good: `added` of them. */
interface AddedDeadLetters {
  readonly venueId: VenueId;
  readonly source: DeadLetterSource;
  readonly added: number;
}

/**
 * Things have failed for good. Those of one source are one message for a burst. Of a delivery subscribers are not told:
 * that message could fail likewise, for ever.
 */
export async function announceDeadLetters(
  tx: Transaction,
  { venueId, source, added }: AddedDeadLetters,
): Promise<void> {
  if (source === 'delivery') return;
  await announce(tx, {
    venueId,
    type: 'dead-letter.added',
    data: { source, path: `/v1/venues/${venueId}/dead-letters?source=${source}` },
    digest: { key: source, counts: { added } },
  });
}
