import { z } from 'zod';
import type { AfterExpiry } from '../../../domain/sync/pull/pull-plan.ts';
import type { Cursor, PagePosition } from '../../provider.ts';
import type { Ask } from './ask.ts';

const locationsSchema = z.object({
  locations: z
    .array(z.object({ id: z.string().min(1) }))
    .nullish()
    .transform((value) => value ?? []),
});

/** The ids of all the merchant's locations, including closed ones, which have taken payments too. */
async function listLocationIds(ask: Ask): Promise<readonly string[]> {
  const { locations } = await ask(locationsSchema, { method: 'GET', path: '/v2/locations' });
  return locations.map(({ id }) => id);
}

/** The position in a list that Square gives one location at a time. */
const placeSchema = z.object({
  location: z.string(),
  /** The locations still to come. */
  rest: z.array(z.string()),
  cursor: z.string().nullable(),
  /** From when on the location is read, after a cursor of it has expired; null: from the list's own beginning. */
  fromEpochS: z.number().nullable().default(null),
  /** The latest time read of the location, in a list that is ordered by time. */
  reachedEpochS: z.number().nullable().default(null),
});
export type Place = z.output<typeof placeSchema>;

/** Time before the latest one read that is read again, because objects of one second may be on both sides of a page's end. */
const OVERLAP_S = 60;

/**
 * An expired cursor costs what is left of its location: from the latest time read, or all of the location where the list
 * is not ordered by time. Locations that have been read are not read again.
 */
export const AFTER_EXPIRY: AfterExpiry = {
  from: 'cursor',
  renewed(expired) {
    const { reachedEpochS, ...place } = placeSchema.parse(expired);
    const fromEpochS = reachedEpochS === null ? place.fromEpochS : reachedEpochS - OVERLAP_S;
    return { ...place, fromEpochS, reachedEpochS, cursor: null };
  },
};

/** The ids of the chosen locations; null: all. A chosen one may be gone. */
export type ChosenLocations = readonly string[] | null;

export const isChosen = (chosen: ChosenLocations, location: string | null): boolean =>
  chosen === null || (location !== null && chosen.includes(location));

/** The list's first page asks for the locations; null when there are none. */
export async function placeOf(ask: Ask, after: Cursor | null, chosen: ChosenLocations): Promise<Place | null> {
  if (after !== null) return placeSchema.parse(after);
  const [location, ...rest] = (await listLocationIds(ask)).filter((id) => isChosen(chosen, id));
  return location === undefined ? null : startOf(location, rest);
}

const startOf = (location: string, rest: readonly string[]): Place => ({
  ...{ location, rest: [...rest], cursor: null, fromEpochS: null, reachedEpochS: null },
});

/**
 * The next position after a page: in the same location, in the next one, or the end. `positions` are those of a page
 * that is ordered by time.
 */
export function placeAfter(place: Place, cursor: Cursor | null, positions: readonly PagePosition[] = []): Place | null {
  if (typeof cursor === 'string') return { ...place, cursor, reachedEpochS: latestOf(place.reachedEpochS, positions) };
  const [next, ...others] = place.rest;
  return next === undefined ? null : startOf(next, others);
}

const latestOf = (reached: number | null, positions: readonly PagePosition[]): number | null =>
  positions.reduce(
    (latest, { atEpochS }) => (atEpochS === null ? latest : Math.max(latest ?? atEpochS, atEpochS)),
    reached,
  );
