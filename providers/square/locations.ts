import { z } from 'zod';
import type { GrantAccount } from '../../domain/grants/account-choice.ts';
import { parseAnswer } from '../grants.ts';
import type { OAuthCalls, SessionCredential } from '../oauth.ts';
import type { SquareConfig } from './adapter.ts';
import { askSquare, createSquareClient } from './client.ts';
import { SQUARE_ERRORS } from './errors.ts';

const listSchema = z.object({
  locations: z.array(z.object({ id: z.string().min(1), name: z.string().nullish() })).default([]),
});

/**
 * A merchant's locations, including inactive ones, whose sales remain. One HTTP call lists all of them; it needs the
 * scope MERCHANT_PROFILE_READ (https://developer.squareup.com/reference/square/locations-api/list-locations, read
 * 2026-11-28).
 */
export async function listSquareLocations(
  { apiUrl }: Pick<SquareConfig, 'apiUrl'>,
  { secretKey }: Pick<SessionCredential, 'secretKey'>,
  calls: OAuthCalls,
): Promise<readonly GrantAccount[]> {
  const client = await createSquareClient(apiUrl, secretKey, { ...calls, errors: SQUARE_ERRORS });
  const { locations } = parseAnswer('square', listSchema, await askSquare(calls, () => client.locations.list()));
  return locations.map(({ id, name }) => ({ id, name: name ?? null }));
}
