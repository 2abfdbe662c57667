import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { createWebhookEndpointStore } from '../../../db/webhooks/webhook-endpoint-store.ts';
import { VaultError } from '../../../vault/vault-error.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { aSecret, endpointRequests, signedByStripe, stripeEvent } from './connection-endpoint-requests.ts';
import { anAccount, providers } from './webhook-deliveries.ts';

let api: ApiWorld;
/** Moves the API's clock. */
let hoursLater = 0;
beforeAll(async () => {
  api = await createApiWorld({
    providers: providers(),
    deps: { clock: () => new Date(Date.now() + hoursLater * 3_600_000) },
  });
});
afterAll(() => api.close());
beforeEach(() => {
  hoursLater = 0;
});

const { aConnection, anAddress, enterSecret, sendStripe, eventsOf } = endpointRequests(() => api);

describe('Stripe with a key of the venue’s own', () => {
  it('sends events to the connection’s address, signed with the secret that the venue has entered', async () => {
    const ref = await aConnection('stripe');
    const path = await anAddress(ref);
    const secret = await enterSecret(ref);
    expect(await sendStripe(path, secret)).toMatchObject({ status: 200, json: { received: true } });
    await api.drain();
    expect(await eventsOf(ref)).toMatchObject([{ provider: 'stripe', type: 'payout.paid', state: 'ignored' }]);
  });

  it('is refused until the secret is entered, with another secret, and with the secret of another connection', async () => {
    const [ref, other] = [await aConnection('stripe'), await aConnection('stripe')];
    const path = await anAddress(ref);
    expect(await sendStripe(path, aSecret())).toMatchObject({ status: 404, json: { code: 'webhook-not-found' } });
    await enterSecret(ref);
    await anAddress(other);
    for (const secret of [aSecret(), await enterSecret(other)])
      expect(await sendStripe(path, secret)).toMatchObject({ status: 401, json: { code: 'webhook-not-signed' } });
    expect(await eventsOf(ref)).toEqual([]);
  });

  it('is accepted with the secret before for as long as was asked for, and no longer', async () => {
    const ref = await aConnection('stripe');
    const path = await anAddress(ref);
    const [first, second] = [await enterSecret(ref), await enterSecret(ref, aSecret(), 2)];
    for (const secret of [first, second]) expect((await sendStripe(path, secret)).status).toBe(200);
    hoursLater = 3;
    // Stripe's own tolerance is about time too, so only the stored time is moved.
    expect((await sendStripe(path, first)).status).toBe(401);
    expect((await sendStripe(path, second)).status).toBe(200);
    // The caller's token ends by the same clock.
    hoursLater = 0;
    const third = await enterSecret(ref, aSecret(), 0);
    expect((await sendStripe(path, second)).status).toBe(401);
    expect((await sendStripe(path, third)).status).toBe(200);
  });

  it('keeps one of several secrets that are entered at once, and the one before it', async () => {
    const ref = await aConnection('stripe');
    const path = await anAddress(ref);
    const secrets = [aSecret(), aSecret(), aSecret()];
    await Promise.all(secrets.map((secret) => enterSecret(ref, secret)));
    const statuses = await Promise.all(secrets.map(async (secret) => (await sendStripe(path, secret)).status));
    expect(statuses.toSorted()).toEqual([200, 200, 401]);
  });

  it('belongs to the connection’s account, and an event about another account to none', async () => {
    const ref = await aConnection('stripe');
    const other = await aConnection('stripe', { flow: 'connect' });
    const path = await anAddress(ref);
    const secret = await enterSecret(ref);
    for (const account of [undefined, ref.account, other.account])
      expect((await sendStripe(path, secret, stripeEvent({ account }))).status).toBe(200);
    expect(await eventsOf(ref)).toHaveLength(2);
    expect(await eventsOf(other)).toEqual([]);
  });

  it('cannot reach another venue’s connection to the same account', async () => {
    const account = anAccount('stripe');
    const ref = await aConnection('stripe', { account });
    const other = await aConnection('stripe', { account, flow: 'connect' });
    const path = await anAddress(ref);
    const secret = await enterSecret(ref);
    api.connectionGateway.revoked.length = 0;
    const forged = stripeEvent({ account, type: 'account.application.deauthorized' });
    expect((await sendStripe(path, secret, forged)).status).toBe(200);
    await api.drain();
    expect(api.connectionGateway.revoked).toEqual([]);
    expect(await eventsOf(ref)).toMatchObject([{ state: 'applied', effects: [] }]);
    expect(await eventsOf(other)).toEqual([]);
  });

  it('is stored once for each address, also after the address has changed', async () => {
    const ref = await aConnection('stripe');
    const body = stripeEvent();
    const secret = aSecret();
    for (let round = 0; round < 2; round += 1) {
      const path = await anAddress(ref);
      await enterSecret(ref, secret);
      expect((await sendStripe(path, secret, body)).status).toBe(200);
    }
    expect(await eventsOf(ref)).toHaveLength(1);
  });

  it('is sent again while the secret cannot be opened', async () => {
    const world = await createApiWorld({
      providers: providers(),
      deps: {
        webhookSecrets: { openSigningSecrets: () => Promise.reject(new VaultError('key-service-unavailable')) },
        webhookEndpoints: {
          ...createWebhookEndpointStore(api.database.db),
          findOwner: () =>
            Promise.resolve({
              venueId: uuidv7() as VenueId,
              connectionId: uuidv7() as ConnectionId,
              account: { environment: 'sandbox', externalAccountId: 'acct_1' },
              sealedSecrets: Buffer.from('x') as never,
            }),
        },
      },
    });
    try {
      const body = stripeEvent();
      const answer = await world.send('POST', `/webhooks/stripe/${'a'.repeat(43)}`, {
        token: null,
        body,
        headers: signedByStripe(body, aSecret()),
      });
      expect(answer).toMatchObject({ status: 503, json: { code: 'vault-unavailable' } });
    } finally {
      await world.close();
    }
  });
});
