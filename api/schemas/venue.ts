import { z } from 'zod';
import type { Venue } from '../../db/venue-store.ts';
import { currency, sourceId, timestamp } from './common.ts';

function isTimeZone(name: string): boolean {
  // `Intl` also takes offsets such as +01:00, which have no daylight saving time and are not zones.
  if (/^[+-]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const name = z.string().min(1).max(200);
export const timeZone = z
  .string()
  .min(1)
  .max(64)
  .refine(isTimeZone, 'Must be an IANA time zone, such as Europe/Berlin')
  .meta({ description: 'IANA time zone.', example: 'Europe/Berlin' });

export const newVenueBody = z.strictObject({ name, timeZone, currency, sourceId: sourceId.nullable().optional() }).meta({ id: 'NewVenue' });

export const venueChangesBody = z
  .strictObject({ name: name.optional(), timeZone: timeZone.optional(), currency: currency.optional() })
  .refine((changes) => Object.keys(changes).length > 0, 'Send at least one field')
  .meta({ id: 'VenueChanges' });

export const venueAnswer = z
  .object({
    id: z.uuid(),
    sourceId: z.string().nullable(),
    name: z.string(),
    timeZone: z.string(),
    currency: z.string(),
    createdAt: timestamp,
    updatedAt: timestamp,
  })
  .meta({ id: 'Venue' });

export function presentVenue(venue: Venue): z.input<typeof venueAnswer> {
  return {
    id: venue.id,
    sourceId: venue.sourceId,
    name: venue.name,
    timeZone: venue.timeZone,
    currency: venue.currency,
    createdAt: venue.createdAt.toISOString(),
    updatedAt: venue.updatedAt.toISOString(),
  };
}
