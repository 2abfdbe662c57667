import { sql } from 'drizzle-orm';
import { customType, foreignKey, integer, pgPolicy, text, timestamp, uuid } from 'drizzle-orm/pg-core';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type { RecordId, VenueId } from '../../contracts/ids.ts';
import type { SealedSecret } from '../../contracts/vault.ts';

export const venueId = () => uuid('venue_id').$type<VenueId>().notNull();
export const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

export const timestamps = () => ({
  createdAt: instant('created_at').notNull().defaultNow(),
  updatedAt: instant('updated_at').notNull().defaultNow(),
});

/** The envelope of every canonical record. */
export const recordEnvelope = () => ({
  id: uuid('id').$type<RecordId>().primaryKey(),
  venueId: venueId(),
  sourceId: text('source_id').notNull(),
  version: integer('version').notNull().default(1),
  ...timestamps(),
  deletedAt: instant('deleted_at'),
});

export const bytes = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });
export const sealedSecret = customType<{ data: SealedSecret; driverData: Uint8Array }>({ dataType: () => 'bytea' });

/**
 * Row-level security: shows the rows of the venue in scope only. Without a scope the setting is missing and the query
 * fails.
 */
export const venuePolicy = (table: string) =>
  pgPolicy(`${table}_venue`, {
    using: sql`venue_id = current_setting('app.venue_id')::uuid`,
    withCheck: sql`venue_id = current_setting('app.venue_id')::uuid`,
  });

/** A table with rows of venues. Foreign keys bypass row-level security, so they compare the venue too. */
interface VenueOwned {
  readonly venueId: AnyPgColumn;
  readonly id: AnyPgColumn;
}

/** A reference to a row of the same venue. This row is deleted with it. */
export function venueReference(name: string, [venue, column]: [AnyPgColumn, AnyPgColumn], target: VenueOwned) {
  return foreignKey({ name, columns: [venue, column], foreignColumns: [target.venueId, target.id] }).onDelete(
    'cascade',
  );
}
