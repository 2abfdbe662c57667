import { z } from 'zod';
import { ControlError, parseInput } from '../core/control-api.ts';
import type { ControlRoutes } from '../core/control-api.ts';
import { json } from '../oauth/exchange.ts';
import type { Reply, Visit } from '../oauth/exchange.ts';
import type { Ledger } from '../oauth/ledger.ts';
import { put } from '../oauth/ledger-rows.ts';
import type { Account } from '../oauth/ledger-rows.ts';
import { bearerWith } from './merchants.ts';

const location = z.strictObject({
  id: z.string().min(1).max(50),
  name: z.string(),
  status: z.enum(['ACTIVE', 'INACTIVE']).default('ACTIVE'),
});
const locationsBody = z.strictObject({ account: z.string(), locations: z.array(location) });

type Location = z.output<typeof location>;

/** Locations of a merchant: what the control API has set, else the main one alone. */
export function locationsOf({ name, details }: Account): readonly Location[] {
  const { locations } = details;
  if (locations !== undefined) return z.array(location).parse(JSON.parse(locations));
  return [{ id: details['mainLocationId'] ?? '', name, status: 'ACTIVE' }];
}

/** `GET /v2/locations`: all of the merchant's, inactive ones too, by name. An empty list is left out of the answer, as Square does. */
export function listLocations(visit: Visit): Reply {
  const { merchant } = bearerWith(visit, 'MERCHANT_PROFILE_READ');
  const locations = [...locationsOf(merchant)].sort((one, other) => (one.name < other.name ? -1 : 1));
  return json(locations.length === 0 ? {} : { locations: locations.map((each) => render(each, merchant)) });
}

/** `PUT /locations`: makes these the locations of a merchant, in place of those it had. */
export const locationControls = (ledger: Ledger): ControlRoutes => ({
  'PUT /locations': ({ body }) => {
    const { account: id, locations } = parseInput(locationsBody, body);
    const account = ledger.get('accounts', id);
    if (!account) throw new ControlError(404, 'account-not-found', { message: `There is no account ${id}.` });
    ledger.commit([
      put('accounts', { ...account, details: { ...account.details, locations: JSON.stringify(locations) } }),
    ]);
    return { json: { data: locations } };
  },
});

/** https://developer.squareup.com/reference/square/objects/Location (2026-11). */
function render({ id, name, status }: Location, { id: merchantId, name: businessName, details }: Account) {
  return {
    id,
    name,
    status,
    merchant_id: merchantId,
    business_name: businessName,
    type: 'PHYSICAL',
    country: 'GB',
    language_code: 'en-GB',
    currency: 'GBP',
    timezone: 'Europe/London',
    capabilities: ['CREDIT_CARD_PROCESSING'],
    created_at: details['createdAt'],
  };
}
