import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { VenueId } from '../../contracts/ids.ts';
import type { OutgoingEventType } from '../../contracts/outgoing-webhooks.ts';
import type { DigestType, EventPayload } from '../../domain/outgoing/event-payloads.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** An event of this service that a venue's subscribers are told. Its `data` is what `EVENT_PAYLOADS` says. */
export type Announcement<Type extends OutgoingEventType = OutgoingEventType> = Type extends DigestType
  ? DigestAnnouncement<Type>
  : { readonly venueId: VenueId; readonly type: Type; readonly data: EventPayload<Type> };

/** One that collects events that happen together in one message: see `announce`. */
interface DigestAnnouncement<Type extends DigestType> {
  readonly venueId: VenueId;
  readonly type: Type;
  readonly data: Omit<EventPayload<Type>, 'counts' | 'since'>;
  readonly digest: {
    /** Events of the same type and key share a message. */
    readonly key: string;
    /** Added up over the events of the message, which shows them as `counts`. */
    readonly counts: EventPayload<Type>['counts'];
  };
}

/** How long a digest collects before it is sent. */
const DIGEST_WINDOW_MS = 10_000;

/**
 * Tells the venue's subscribers of an event, in the transaction that makes it happen: both are stored or neither. Does
 * nothing when nobody subscribes to the type. With a `digest`, an event within the window after the first adds its counts
 * and `data.fields` to that message, so that a burst is a handful of messages; `data.since` is the time of the earliest.
 */
export async function announce(tx: Transaction, announcement: Announcement): Promise<void> {
  const { venueId, type, data } = announcement;
  const digest = 'digest' in announcement ? announcement.digest : null;
  const told = digest ? { ...data, counts: digest.counts } : data;
  const digestKey = digest ? `${type}/${digest.key}` : null;
  const windowMs = digest ? DIGEST_WINDOW_MS : 0;
  await tx.execute(sql`
    with wanted as (
      select id from subscriptions where state = 'enabled' and (types is null or types @> ${JSON.stringify([type])}::jsonb)
    ), message as (
      insert into outgoing_messages as m (id, venue_id, type, data, digest_key)
      select ${uuidv7()}::uuid, ${venueId}::uuid, ${type}, ${JSON.stringify(told)}::jsonb
        || case when ${digestKey}::text is null then '{}' else jsonb_build_object('since', ${NOW}) end, ${digestKey}
      where exists (select from wanted)
      on conflict (venue_id, digest_key) where digest_key is not null do update
        set data = m.data || excluded.data || jsonb_build_object(
          'since', least(m.data ->> 'since', excluded.data ->> 'since'),
          'counts', (select jsonb_object_agg(name, coalesce((m.data -> 'counts' ->> name)::bigint, 0) + coalesce((excluded.data -> 'counts' ->> name)::bigint, 0))
            from jsonb_object_keys((m.data -> 'counts') || (excluded.data -> 'counts')) name))
          || case when m.data ? 'fields' then jsonb_build_object('fields',
            (select jsonb_agg(distinct field) from jsonb_array_elements((m.data -> 'fields') || (excluded.data -> 'fields')) field)) else '{}' end
      returning id
    )
    insert into deliveries (subscription_id, message_id, venue_id, next_attempt_at)
    select wanted.id, message.id, ${venueId}::uuid, now() + make_interval(secs => ${windowMs / 1_000}) from wanted, message
    on conflict (subscription_id, message_id) do nothing`);
}

/** The start of the transaction, which is the `updatedAt` of the records that it changes, in the spelling of the API. */
const NOW = sql`to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
