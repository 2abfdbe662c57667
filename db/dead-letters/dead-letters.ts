import { sql } from 'drizzle-orm';
import type { DeadLetterSource } from '../../contracts/dead-letters.ts';
import type {
  ConnectionId,
  MessageId,
  RecordId,
  SubscriptionId,
  SubscriptionRef,
  SyncId,
  VenueId,
} from '../../contracts/ids.ts';
import type { Direction, ProviderId, Resource } from '../../contracts/providers.ts';
import { announceDeadLetters } from '../outgoing/announcements.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** One thing that failed for good. */
export interface NewDeadLetter {
  readonly venueId: VenueId;
  readonly source: DeadLetterSource;
  /** Names the failing thing among those of its source in the venue, at most 1,000 characters. */
  readonly sourceKey: string;
  /** Kebab-case, or the provider's own code. Entries are grouped by it. */
  readonly code: string;
  /** Names fields and rules, never values. */
  readonly message: string;
  readonly provider?: ProviderId | null;
  readonly connectionId?: ConnectionId | null;
  readonly resource?: Resource | null;
  readonly direction?: Direction | null;
  readonly recordId?: RecordId | null;
  readonly externalId?: string | null;
  readonly recordVersion?: number | null;
  readonly syncId?: SyncId | null;
}

/** The `sourceKey` of a delivery. */
export const deliveryKey = (delivery: {
  readonly subscriptionId: SubscriptionId;
  readonly messageId: MessageId;
}): string => `${delivery.subscriptionId}/${delivery.messageId}`;

/**
 * Lists something that failed for good, in the transaction in which it fails. Something that is listed already keeps its
 * one entry and counts one more failure. The transaction has to be the venue's.
 */
export const addDeadLetter = (tx: Transaction, letter: NewDeadLetter): Promise<void> => addDeadLetters(tx, [letter]);

/** Lists several at once, in one statement. */
export async function addDeadLetters(tx: Transaction, letters: readonly NewDeadLetter[]): Promise<void> {
  const [first] = letters;
  if (!first) return;
  const rows = letters.map((letter) => ({
    ...{ venue_id: letter.venueId, source: letter.source, source_key: letter.sourceKey },
    ...{ code: letter.code, message: letter.message, provider: letter.provider, resource: letter.resource },
    ...{ connection_id: letter.connectionId, direction: letter.direction, record_id: letter.recordId },
    ...{ external_id: letter.externalId, record_version: letter.recordVersion, sync_id: letter.syncId },
  }));
  await tx.execute(sql`select record_dead_letters(${JSON.stringify(rows)}::jsonb)`);
  for (const [source, { length }] of Map.groupBy(letters, (letter) => letter.source))
    await announceDeadLetters(tx, { venueId: first.venueId, source, added: length });
}

/** Settles entries whose thing has succeeded, or has nothing left to do, in the transaction in which it does. */
export async function resolveDeadLetters(
  tx: Transaction,
  source: DeadLetterSource,
  sourceKeys: readonly string[],
): Promise<void> {
  if (sourceKeys.length === 0) return;
  // Row-level security leaves the venue's own. Locked in the order in which failures are added.
  await tx.execute(sql`
    update dead_letters set state = 'resolved', closed_at = now()
    where id in (
      select id from dead_letters
      where venue_id = current_setting('app.venue_id')::uuid and source = ${source} and state in ('open', 'retrying')
        and source_key in (select jsonb_array_elements_text(${JSON.stringify(sourceKeys)}::jsonb))
      order by source_key for update)`);
}

/** Settles the entries of a subscription that is removed: nothing is sent to it any more. */
export async function resolveDeadLettersOf(tx: Transaction, ref: SubscriptionRef): Promise<void> {
  await tx.execute(sql`
    update dead_letters set state = 'resolved', closed_at = now()
    where id in (
      select id from dead_letters
      where ${isOf(ref)} and state in ('open', 'retrying')
      order by source_key for update)`);
}

/** Opens the entries of a subscription whose retry has ended because it is disabled. */
export async function reopenDeadLettersOf(tx: Transaction, ref: SubscriptionRef): Promise<void> {
  await tx.execute(sql`
    update dead_letters set state = 'open'
    where id in (
      select id from dead_letters where ${isOf(ref)} and state = 'retrying' order by source_key for update)`);
}

/** Entries of a subscription's deliveries: `deliveryKey` starts with its id. */
const isOf = ({ venueId, subscriptionId }: SubscriptionRef) =>
  sql`venue_id = ${venueId} and source = 'delivery' and starts_with(source_key, ${`${subscriptionId}/`})`;
