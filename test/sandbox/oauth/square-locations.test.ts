import { SquareClient } from 'square';
import { describe, expect, it } from 'vitest';
import { startSquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import { aProvider, CALLBACK, codeFor, get, urlOf } from './oauth-support.ts';
import type { AProvider } from './oauth-support.ts';

const aSquare = () => aProvider(startSquareSandbox);

/** A merchant that has granted this scope. */
async function connected({ apiUrl, clientId, clientSecret, control }: AProvider, scope: string) {
  const page = urlOf(`${apiUrl}/oauth2/authorize`, { client_id: clientId, scope, state: 's', redirect_uri: CALLBACK });
  const client = new SquareClient({ baseUrl: apiUrl, maxRetries: 0 });
  const { accessToken = '', merchantId = '' } = await client.oAuth.obtainToken({
    ...{ clientId, clientSecret, grantType: 'authorization_code', redirectUri: CALLBACK },
    code: await codeFor({ control }, page),
  });
  return { merchantId, accessToken, client: new SquareClient({ baseUrl: apiUrl, token: accessToken, maxRetries: 0 }) };
}

describe('the stand-in Square, about locations', () => {
  it('answers 401 without a token, and 403 to one without MERCHANT_PROFILE_READ', async () => {
    const square = await aSquare();
    expect((await get(`${square.apiUrl}/v2/locations`)).status).toBe(401);
    const { accessToken } = await connected(square, 'ITEMS_READ');
    expect(await get(`${square.apiUrl}/v2/locations`, `Bearer ${accessToken}`)).toMatchObject({
      status: 403,
      body: { errors: [{ code: 'INSUFFICIENT_SCOPES' }] },
    });
  });

  it('has the main location of a merchant until others are set, and lists those by name, inactive ones too', async () => {
    const square = await aSquare();
    const { client, merchantId } = await connected(square, 'MERCHANT_PROFILE_READ');
    const { merchant } = await client.merchants.get({ merchantId: 'me' });
    expect((await client.locations.list()).locations).toMatchObject([{ id: merchant?.mainLocationId, merchantId }]);
    await square.control.send('PUT', '/locations', {
      account: merchantId,
      locations: [
        { id: 'L2', name: 'Kiosk', status: 'INACTIVE' },
        { id: 'L1', name: 'Bar' },
      ],
    });
    expect((await client.locations.list()).locations).toMatchObject([
      { id: 'L1', name: 'Bar', status: 'ACTIVE' },
      { id: 'L2', name: 'Kiosk', status: 'INACTIVE' },
    ]);
    const [, other] = await square.control.accounts();
    expect(other?.details).not.toHaveProperty('locations');
  });

  it('leaves an empty list out of the answer, as Square does', async () => {
    const square = await aSquare();
    const { client, accessToken, merchantId } = await connected(square, 'MERCHANT_PROFILE_READ');
    await square.control.send('PUT', '/locations', { account: merchantId, locations: [] });
    expect((await get(`${square.apiUrl}/v2/locations`, `Bearer ${accessToken}`)).body).toEqual({});
    expect((await client.locations.list()).locations ?? []).toEqual([]);
  });
});
