import { z } from 'zod';
import type { Venue } from '../../db/core/venue-store.ts';
import { findTimeZone } from '../../domain/schedule/time-zone.ts';
import { currency, sourceId, timestamp } from './common.ts';

const name = z.string().min(1).max(200);
/** A zone that every engine interprets alike, in the list's spelling. */
export const timeZone = z
  .string()
  .min(1)
  .max(64)
  .transform((text, context) => {
    const zone = findTimeZone(text);
    if (zone !== null) return zone;
    context.addIssue({
      code: 'custom',
      message: 'Must be a name of the IANA time zone database, such as Europe/Berlin',
    });
    return z.NEVER;
  })
  .meta({ description: 'A name of the IANA time zone database, in any case.', example: 'Europe/Berlin' });

export const newVenueBody = z
  .strictObject({ name, timeZone, currency, sourceId: sourceId.nullable().optional() })
  .meta({ id: 'NewVenue' });

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
    closingSince: timestamp.nullable().meta({
      description: 'Since when it is being closed: it can be read until its rows are erased, and no longer changed.',
    }),
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
    closingSince: venue.closingSince?.toISOString() ?? null,
    createdAt: venue.createdAt.toISOString(),
    updatedAt: venue.updatedAt.toISOString(),
  };
}
