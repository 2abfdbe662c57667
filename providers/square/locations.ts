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
 * A merchant's locations, also those that are not in use any more: what they sold is still there. All of them in one answer, and one HTTP call;
 * it takes the scope MERCHANT_PROFILE_READ (https://developer.squareup.com/reference/square/locations-api/list-locations, read 2026-11-28).
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
