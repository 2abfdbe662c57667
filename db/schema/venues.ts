import { sql } from 'drizzle-orm';
import { boolean, jsonb, pgPolicy, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { VenueId } from '../../contracts/ids.ts';
import type { EarlierZone } from '../../domain/schedule/earlier-zones.ts';
import { instant, timestamps } from './columns.ts';

/** The venues. A caller sees those of its token: `app.venues` holds their ids, comma-separated, or `*`. */
export const venues = pgTable(
  'venues',
  {
    id: uuid('id').$type<VenueId>().primaryKey(),
    sourceId: text('source_id'),
    name: text('name').notNull(),
    timeZone: text('time_zone').notNull(),
    /** Those before it, the earliest first; at most `MOST_EARLIER_ZONES`. */
    earlierTimeZones: jsonb('earlier_time_zones').$type<readonly EarlierZone[]>().notNull().default([]),
    /** ISO 4217 code. */
    currency: text('currency').notNull(),
    /** Digest of the request that created it; null for one without an Idempotency-Key. */
    requestKey: text('request_key'),
    /** Since when it is being closed: it is readable until its rows are erased. */
    closingSince: instant('closing_since'),
    /** A pull of an earlier release may have created records with a `sourceId` that does not name their account. */
    pulledWithoutAccount: boolean('pulled_without_account').notNull().default(false),
    ...timestamps(),
  },
  (table) => [
    uniqueIndex('venues_source').on(table.sourceId),
    uniqueIndex('venues_request').on(table.requestKey),
    pgPolicy('venues_reach', {
      using: sql`current_setting('app.venues') = '*' or id::text = any (string_to_array(current_setting('app.venues'), ','))`,
      withCheck: sql`current_setting('app.venues') = '*' or id::text = any (string_to_array(current_setting('app.venues'), ','))`,
    }),
  ],
);
