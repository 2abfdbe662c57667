import { z } from 'zod';
import type { Cursor } from '../../provider.ts';
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
});
export type Place = z.output<typeof placeSchema>;

/** The ids of the chosen locations; null: all. A chosen one may be gone. */
export type ChosenLocations = readonly string[] | null;

export const isChosen = (chosen: ChosenLocations, location: string | null): boolean =>
  chosen === null || (location !== null && chosen.includes(location));

/** The list's first page asks for the locations; null when there are none. */
export async function placeOf(ask: Ask, after: Cursor | null, chosen: ChosenLocations): Promise<Place | null> {
  if (after !== null) return placeSchema.parse(after);
  const [location, ...rest] = (await listLocationIds(ask)).filter((id) => isChosen(chosen, id));
  return location === undefined ? null : { location, rest, cursor: null };
}

/** The next position after a page: in the same location, in the next one, or the end. */
export function placeAfter({ location, rest }: Place, cursor: Cursor | null): Place | null {
  if (typeof cursor === 'string') return { location, rest, cursor };
  const [next, ...others] = rest;
  return next === undefined ? null : { location: next, rest: others, cursor: null };
}
