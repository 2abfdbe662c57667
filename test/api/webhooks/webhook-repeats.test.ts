import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { createApiWorld } from '../api-world.ts';
import type { Answered, ApiWorld, SendOptions } from '../api-world.ts';
import { anAccount, providers, revocation, signed } from './webhook-deliveries.ts';
import type { Receiver } from './webhook-deliveries.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld({ providers: providers() });
});
afterAll(() => api.close());
beforeEach(() => {
  api.connectionGateway.revoked.length = 0;
  api.connectionGateway.away = false;
  api.inboxGateway.away = false;
});

const told = () => api.connectionGateway.revoked;
const post = (
  provider: string,
  body: SendOptions['body'],
  headers: Readonly<Record<string, string>>,
): Promise<Answered> =>
  api.send('POST', `/webhooks/${provider}`, {
    token: null,
    ...(body !== undefined && { body }),
    headers: { 'content-type': 'application/json', ...headers },
  });
const send = (provider: Receiver, body: string) => post(provider, body, signed(provider, body));

async function aGrant(
  provider: Receiver,
  account: string,
): Promise<{ readonly venueId: VenueId; readonly connectionId: ConnectionId }> {
  const { admin } = api.database;
  const ref = { venueId: await api.aVenue(), connectionId: uuidv7() as ConnectionId };
  await admin`insert into connections (id, venue_id, provider, environment, state, external_account_id, flow) values (${ref.connectionId}, ${ref.venueId}, ${provider}, 'sandbox', 'active', ${account}, 'code')`;
  await admin`insert into oauth_tokens (connection_id, venue_id, sealed_tokens) values (${ref.connectionId}, ${ref.venueId}, ${Buffer.from('sealed')})`;
  return ref;
}

describe.each(['stripe', 'square'] as const)('an event of %s', (provider) => {
  it('sent again has no second effect, also after a restart, and gets the same answer', async () => {
    const account = anAccount(provider);
    const ref = await aGrant(provider, account);
    const body = revocation(provider, account);
    expect(await send(provider, body)).toMatchObject({ status: 200, json: { received: true } });
    await api.drain();
    await api.restart();
    for (let delivery = 0; delivery < 9; delivery += 1)
      expect(await send(provider, body)).toMatchObject({ status: 200, json: { received: true } });
    await api.drain();
    expect(told()).toEqual([{ ...ref, provider }]);
  });

  it('that is another one costs no signal while one waits, also after a restart, and costs one once a check has begun', async () => {
    const account = anAccount(provider);
    const ref = await aGrant(provider, account);
    const sendAnother = async () => {
      const answer = await send(provider, revocation(provider, account));
      await api.drain();
      return answer;
    };
    for (let event = 0; event < 5; event += 1) expect((await sendAnother()).status).toBe(200);
    await api.restart();
    expect((await sendAnother()).status).toBe(200);
    expect(told()).toHaveLength(1);
    await api.accessChecks.begin(ref);
    for (let event = 0; event < 5; event += 1) expect((await sendAnother()).status).toBe(200);
    expect(told()).toHaveLength(2);
  });

  it('costs a signal again where the one that waited may have been lost with its workflow', async () => {
    const account = anAccount(provider);
    const { connectionId } = await aGrant(provider, account);
    await send(provider, revocation(provider, account));
    await api.drain();
    await api.database
      .admin`update oauth_tokens set access_check_signalled_at = now() - interval '11 minutes' where connection_id = ${connectionId}`;
    await send(provider, revocation(provider, account));
    await api.drain();
    expect(told()).toHaveLength(2);
  });

  it('is signalled again where a check began while the signal before it was on its way', async () => {
    const account = anAccount(provider);
    const ref = await aGrant(provider, account);
    const checks = await api.accessChecks.readUnsignalled(ref);
    await api.accessChecks.begin(ref);
    await api.accessChecks.noteSignalled(ref, checks ?? -1);
    await send(provider, revocation(provider, account));
    await api.drain();
    expect(told()).toHaveLength(1);
  });

  it('that could not be stored has its effect when it is sent again', async () => {
    const account = anAccount(provider);
    await aGrant(provider, account);
    const body = revocation(provider, account);
    const { admin } = api.database;
    await admin`alter table webhook_events rename to webhook_events_away`;
    try {
      expect(await send(provider, body)).toMatchObject({ status: 503, json: { code: 'database-unavailable' } });
    } finally {
      await admin`alter table webhook_events_away rename to webhook_events`;
    }
    expect((await send(provider, body)).status).toBe(200);
    await api.drain();
    expect(told()).toHaveLength(1);
  });

  it.each([
    ['without a signature', null],
    ['with one of another shape', 'x'.repeat(44)],
  ])('%s is rejected before anything of its body is read', async (_case, signature) => {
    const name = provider === 'stripe' ? 'stripe-signature' : 'x-square-hmacsha256-signature';
    const never = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new Uint8Array(1));
      },
    });
    expect(await post(provider, never, signature === null ? {} : { [name]: signature })).toMatchObject({
      status: 401,
      json: { code: 'webhook-not-signed' },
    });
  });
});
