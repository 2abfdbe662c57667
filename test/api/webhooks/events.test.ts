import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { accountPartitionOf } from '../../../domain/inbox/inbox-partition.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { Answered, ApiWorld } from '../api-world.ts';
import { anAccount, providers, revocation, signed } from './webhook-deliveries.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld({ providers: providers() });
});
afterAll(() => api.close());
beforeEach(async () => {
  await api.drain();
  api.inboxGateway.woken.length = 0;
});

interface Granted {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
}

async function aGrant(account: string, { state = 'active', venueId }: { state?: string; venueId?: VenueId } = {}) {
  const { admin } = api.database;
  const ref: Granted = { venueId: venueId ?? (await api.aVenue()), connectionId: uuidv7() as ConnectionId };
  await admin`insert into connections (id, venue_id, provider, environment, state, external_account_id, flow) values (${ref.connectionId}, ${ref.venueId}, 'square', 'sandbox', ${state}, ${account}, 'code')`;
  await admin`insert into oauth_tokens (connection_id, venue_id, sealed_tokens) values (${ref.connectionId}, ${ref.venueId}, ${Buffer.from('sealed')})`;
  return ref;
}

/** Sends an event as Square does. */
async function deliver(body: string): Promise<void> {
  const answer = await api.send('POST', '/webhooks/square', {
    token: null,
    body,
    headers: { 'content-type': 'application/json', ...signed('square', body) },
  });
  expect(answer.status).toBe(200);
}
const another = (account: string, type = 'customer.created') =>
  JSON.stringify({
    merchant_id: account,
    type,
    event_id: uuidv7(),
    data: { object: { customer: { id: 'C1', email_address: 'ada@shop.test' } } },
  });

const path = (venueId: VenueId, rest = '') => `/v1/venues/${venueId}/events${rest}`;
const list = (venueId: VenueId, query = ''): Promise<Answered> => api.send('GET', path(venueId, query));
const idsOf = ({ json }: Answered) => json.data.map(({ id }) => id);

describe('a venue’s events', () => {
  it('are those of accounts that it has connected, and no other venue’s', async () => {
    const [account, elsewhere] = [anAccount('square'), anAccount('square')];
    const [here, there, apart] = [await aGrant(account), await aGrant(account), await aGrant(elsewhere)];
    await deliver(revocation('square', account));
    await deliver(revocation('square', elsewhere));
    await api.drain();

    const ours = await list(here.venueId);
    expect(ours.json.data).toMatchObject([
      {
        provider: 'square',
        type: 'oauth.authorization.revoked',
        state: 'applied',
        attempts: 1,
        errorCode: null,
        // The other venue's effect is its own business.
        effects: [{ kind: 'access-check', connectionId: here.connectionId }],
      },
    ]);
    const theirs = await list(there.venueId);
    expect(idsOf(theirs)).toEqual(idsOf(ours));
    expect(theirs.json.data).toMatchObject([{ effects: [{ connectionId: there.connectionId }] }]);
    expect(theirs.json.data[0]).toHaveProperty('effects.length', 1);

    const [id] = idsOf(ours);
    for (const request of [
      api.send('GET', path(apart.venueId, `/${id ?? ''}`)),
      api.send('POST', path(apart.venueId, `/${id ?? ''}/replay`)),
      api.send('GET', path(here.venueId, `/${uuidv7()}`)),
      api.send('GET', path(here.venueId, '/no-uuid')),
    ])
      expect(await request).toMatchObject({ status: 404, json: { code: 'event-not-found' } });
    expect((await api.send('GET', path(here.venueId, `/${id ?? ''}`))).json).toEqual(ours.json.data[0]);
  });

  it('begin when the connection is made, and end when it is disconnected', async () => {
    const account = anAccount('square');
    await deliver(another(account));
    await api.database
      .admin`update webhook_events set received_at = now() - interval '1 minute' where external_account_id = ${account}`;
    const { venueId, connectionId } = await aGrant(account);
    await deliver(another(account));
    expect((await list(venueId)).json.data).toHaveLength(1);
    await api.database.admin`update connections set state = 'disconnected' where id = ${connectionId}`;
    expect((await list(venueId)).json.data).toEqual([]);
  });

  it('show nothing of what an event holds', async () => {
    const account = anAccount('square');
    const { venueId } = await aGrant(account);
    await deliver(another(account));
    const { text, json } = await list(venueId);
    expect(json.data).toMatchObject([{ type: 'customer.created', state: 'waiting', effects: [] }]);
    expect(text).not.toContain('ada@shop.test');
  });

  it('are filtered by provider, type, state and time, and paged', async () => {
    const account = anAccount('square');
    const { venueId } = await aGrant(account);
    for (const type of ['customer.created', 'customer.updated', 'customer.updated'])
      await deliver(another(account, type));
    await deliver(revocation('square', account));
    await api.drain();
    const countOf = async (query: string) => (await list(venueId, query)).json.data.length;
    expect(await countOf('?provider=square')).toBe(4);
    expect(await countOf('?provider=stripe')).toBe(0);
    expect(await countOf('?type=customer.updated')).toBe(2);
    expect(await countOf('?state=applied')).toBe(1);
    expect(await countOf('?state=ignored')).toBe(3);
    expect(await countOf('?receivedFrom=2100-01-01T00:00:00Z')).toBe(0);
    expect(await countOf('?receivedTo=2100-01-01T00:00:00Z')).toBe(4);
    expect((await list(venueId, '?state=lost')).status).toBe(400);

    const first = await list(venueId, '?limit=3');
    const second = await list(venueId, `?limit=3&cursor=${first.json.nextCursor ?? ''}`);
    expect([...idsOf(first), ...idsOf(second)]).toEqual(idsOf(await list(venueId)));
    expect(second.json.nextCursor).toBeNull();
  });
});

/**
 * Handles what was delivered for the account. Partitions are looked at one time after the other, a moment after the
 * answer: once the look for a later delivery has woken somebody, no earlier one is left to be taken for a replay's.
 */
async function settled(account: string): Promise<void> {
  const partitionOf = (externalAccountId: string) =>
    accountPartitionOf('square', { environment: 'sandbox', externalAccountId });
  let later = anAccount('square');
  while (partitionOf(later) === partitionOf(account)) later = anAccount('square');
  await api.drain();
  api.inboxGateway.woken.length = 0;
  await deliver(another(later));
  await expect.poll(() => api.inboxGateway.woken).toContain(partitionOf(later));
  await api.drain();
  api.inboxGateway.woken.length = 0;
}

describe('the replay of an event', () => {
  it('has it handled again, wakes the drainer, and is audited', async () => {
    const account = anAccount('square');
    const { venueId } = await aGrant(account);
    await deliver(another(account, 'oauth.authorization.revoked'));
    await api.database
      .admin`update webhook_events set state = 'dead', attempts = 10, error_code = 'internal' where external_account_id = ${account}`;
    const [id = ''] = idsOf(await list(venueId));
    await settled(account);

    expect(
      (await api.send('POST', path(venueId, `/${id}/replay`), { token: await aToken({ role: 'viewer' }) })).status,
    ).toBe(403);
    const answer = await api.send('POST', path(venueId, `/${id}/replay`), {
      token: await aToken({ role: 'operator' }),
    });
    expect(answer).toMatchObject({ status: 202, json: { id, state: 'waiting', attempts: 0, errorCode: null } });
    await expect.poll(() => api.inboxGateway.woken).toHaveLength(1);
    // A second one finds that it waits already.
    expect((await api.send('POST', path(venueId, `/${id}/replay`))).json).toMatchObject({ state: 'waiting' });
    expect(await api.drain()).toBe(1);
    expect((await api.send('GET', path(venueId, `/${id}`))).json).toMatchObject({ state: 'applied', attempts: 1 });
    const audit = await api.send('GET', `/v1/venues/${venueId}/audit?action=event.replayed&target=${id}`);
    expect(audit.json.data).toHaveLength(2);
  });
});

describe('the replay of many events', () => {
  const kept = async () => {
    const account = anAccount('square');
    const { venueId } = await aGrant(account);
    for (const type of ['customer.created', 'customer.updated', 'customer.updated', 'oauth.authorization.revoked'])
      await deliver(another(account, type));
    await settled(account);
    const replay = async (json: object, token?: string) =>
      api.send('POST', path(venueId, '/replay'), { json, ...(token !== undefined && { token }) });
    const waiting = async () => (await list(venueId, '?state=waiting')).json.data.map(({ type }) => type);
    return { account, venueId, replay, waiting };
  };

  it('takes those that the filter names, wakes their drainer, and is audited once', async () => {
    const { venueId, replay, waiting } = await kept();
    const answer = await replay({ provider: 'square', type: 'customer.updated', state: 'ignored' });
    expect(answer).toMatchObject({ status: 202, json: { replayed: 2, next: null } });
    expect(await waiting()).toEqual(['customer.updated', 'customer.updated']);
    await expect.poll(() => api.inboxGateway.woken).toHaveLength(1);
    expect(await api.drain()).toBe(2);
    const { json } = await api.send('GET', `/v1/venues/${venueId}/audit?action=events.replayed`);
    expect(json.data).toMatchObject([{ details: { replayed: 2, type: 'customer.updated', state: 'ignored' } }]);
  });

  it('leaves alone what waits already, what is outside the times, and what is another venue’s', async () => {
    const { account, replay, waiting } = await kept();
    const elsewhere = await aGrant(anAccount('square'));
    expect((await api.send('POST', path(elsewhere.venueId, '/replay'), { json: {} })).json).toMatchObject({
      replayed: 0,
    });
    expect((await replay({ receivedFrom: '2100-01-01T00:00:00Z' })).json).toMatchObject({ replayed: 0 });
    expect((await replay({ receivedTo: '2020-01-01T00:00:00Z' })).json).toMatchObject({ replayed: 0 });
    await api.database
      .admin`update webhook_events set received_at = '2100-06-01Z' where external_account_id = ${account} and type = 'customer.created'`;
    expect((await replay({ receivedFrom: '2100-01-01T00:00:00Z' })).json).toMatchObject({ replayed: 1 });
    expect((await replay({ receivedFrom: '2100-01-01T00:00:00Z' })).json).toMatchObject({ replayed: 0 });
    expect(await waiting()).toEqual(['customer.created']);
  });

  it('leaves events as they are whose body has expired, and refuses one alone with what helps', async () => {
    const { account, venueId, replay, waiting } = await kept();
    await api.database.admin`update webhook_events set body = null, headers = '{}'
      where external_account_id = ${account} and type = 'customer.updated'`;
    const [expired] = (await list(venueId, '?type=customer.updated')).json.data;
    expect((await replay({ type: 'customer.updated' })).json).toMatchObject({ replayed: 0 });
    expect((await replay({})).json).toMatchObject({ replayed: 2 });
    expect(await waiting()).not.toContain('customer.updated');
    expect(await api.send('POST', path(venueId, `/${String(expired?.id)}/replay`))).toMatchObject({
      ...{ status: 409, json: { code: 'event-expired' } },
    });
    expect((await api.send('GET', path(venueId, `/${String(expired?.id)}`))).json).toMatchObject({ state: 'ignored' });
  });

  it('takes no more at a time than it says, and says where to go on', async () => {
    const { account, replay } = await kept();
    await api.database.admin`
      insert into webhook_events (id, provider, endpoint, event_key, type, environment, external_account_id, partition, state, received_at, body)
      select gen_random_uuid(), 'square', 'app', ${account} || n, 'many', 'sandbox', ${account}, 0, 'ignored', now() + n * interval '1 millisecond', '{}'
      from generate_series(1, 5001) n`;
    const first = await replay({ type: 'many' });
    expect(first.json).toMatchObject({ replayed: 5_000 });
    const { next } = first.json as unknown as { next: string };
    expect((await replay({ type: 'many', receivedFrom: next })).json).toMatchObject({ replayed: 1, next: null });
  });

  it('is refused for a viewer, and with a filter that it does not know', async () => {
    const { replay } = await kept();
    expect((await replay({}, await aToken({ role: 'viewer' }))).status).toBe(403);
    expect((await replay({ state: 'lost' })).status).toBe(400);
    expect((await replay({ kind: 'x' })).status).toBe(400);
  });
});
