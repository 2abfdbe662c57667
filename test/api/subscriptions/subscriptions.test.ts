import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { createApiWorld, pathsOf } from '../api-world.ts';
import type { Answered, ApiWorld } from '../api-world.ts';

const MAX = 3;
const URL = 'https://backend.example/hook?token=canary';

let api: ApiWorld;
let venueId: VenueId;
let path: string;
beforeAll(async () => {
  api = await createApiWorld({ venueCaps: { subscriptions: MAX } });
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  path = `/v1/venues/${venueId}/subscriptions`;
});

const create = (json: object = { url: URL }, headers: Readonly<Record<string, string>> = {}) =>
  api.send('POST', path, { json, headers });
const bodyOf = (answer: Answered) => answer.json as unknown as Readonly<Record<string, unknown>>;
const secretOf = (answer: Answered) => String(bodyOf(answer)['secret']);

async function aMessage(subscriptionId: string, state: 'failed' | 'delivered' | 'pending'): Promise<string> {
  const id = uuidv7();
  await api.database
    .admin`insert into outgoing_messages (id, venue_id, type, data) values (${id}, ${venueId}, 'sync.finished', '{}')`;
  await api.database.admin`
    insert into deliveries (subscription_id, message_id, venue_id, state, attempts, last_status, next_attempt_at)
    values (${subscriptionId}, ${id}, ${venueId}, ${state}, 3, 500, case when ${state} = 'pending' then now() + interval '1 hour' end)`;
  return id;
}

describe('a subscription', () => {
  it.each([
    ['not a URL', 'backend'],
    ['another scheme', 'ftp://backend.example/'],
    ['http', 'http://backend.example/'],
    ['a user', 'https://canary@backend.example/'],
    ['a password', 'https://:canary@backend.example/'],
    ['a fragment', 'https://backend.example/#canary'],
    ['this machine', 'https://127.0.0.1/'],
    ['this machine by name', 'https://localhost/'],
    ['this machine as a number', 'https://2130706433/'],
    ['this machine over IPv6', 'https://[::1]/'],
    ['IPv4 written as IPv6', 'https://[::ffff:10.0.0.1]/'],
    ['the metadata of a cloud', 'https://169.254.169.254/'],
    ['a private network', 'https://10.0.0.1/'],
    ['a private network over IPv6', 'https://[fd00::1]/'],
    ['too long a URL', `https://backend.example/${'a'.repeat(2_000)}`],
  ])('is refused for %s, whose text is quoted nowhere', async (_what, url) => {
    const answer = await create({ url });
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect(pathsOf(answer.json.errors)).toEqual(['url']);
    expect(answer.text + api.logLines.join('')).not.toContain('canary');
  });

  it('names every wrong field at once', async () => {
    const answer = await create({ url: '', types: ['sync.finished', 'unknown'], description: '', more: 1 });
    expect(answer.status).toBe(400);
    expect(pathsOf(answer.json.errors).sort()).toEqual(['description', 'more', 'types.1', 'url']);
    expect(await create({ url: URL, types: [] })).toMatchObject({ status: 400 });
  });

  it('shows its secret once, in an alphabet that every library reads alike, and stores it sealed', async () => {
    const created = await create({ url: URL, types: ['sync.failed', 'sync.failed'] });
    expect(created).toMatchObject({ status: 201, json: { state: 'enabled', types: ['sync.failed'] } });
    const secret = secretOf(created);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{64}$/);
    const shown = await api.send('GET', `${path}/${created.json.id}`);
    const listed = await api.send('GET', path);
    expect(shown.text + listed.text + api.logLines.join('')).not.toContain(secret.slice(6));
    const [row] = await api.database.admin<
      { text: string }[]
    >`select encode(sealed_secret, 'escape') as text from subscription_secrets`;
    expect(row?.text).not.toContain(secret.slice(6));
    expect(api.logLines.join('')).not.toContain('canary');
  });

  it('is made once by a request that is repeated with its key', async () => {
    const headers = { 'Idempotency-Key': uuidv7() };
    const [first, second] = [await create({ url: URL }, headers), await create({ url: URL }, headers)];
    expect(second.json).toEqual(first.json);
    expect((await api.send('GET', path)).json.data).toHaveLength(1);
  });

  it('is refused beyond the venue’s limit, also when several are made at once, and another venue has its own', async () => {
    const answers = await Promise.all(Array.from({ length: MAX + 3 }, () => create()));
    const refused = answers.filter(({ status }) => status === 409);
    expect(refused).toHaveLength(3);
    expect(refused[0]).toMatchObject({ json: { code: 'subscription-limit-reached' } });
    const other = await api.aVenue();
    expect(await api.send('POST', `/v1/venues/${other}/subscriptions`, { json: { url: URL } })).toMatchObject({
      status: 201,
    });
  });

  it('is changed, disabled, enabled and deleted, each with an audit row', async () => {
    const { id } = (await create()).json;
    await aMessage(id, 'pending');
    const send = (json: object) => api.send('PATCH', `${path}/${id}`, { json });
    expect(await send({ url: 'http://a.example' })).toMatchObject({ status: 400 });
    expect(await send({})).toMatchObject({ status: 400 });
    expect(await send({ types: null, description: 'Till' })).toMatchObject({ status: 200, json: { types: null } });
    expect(await send({ enabled: false })).toMatchObject({ json: { state: 'disabled', disabledReason: 'requested' } });
    expect((await api.send('GET', `${path}/${id}/deliveries`)).json.data).toMatchObject([
      { state: 'failed', nextAttemptAt: null },
    ]);
    expect(await api.send('POST', `${path}/${id}/deliveries/resend`)).toMatchObject({
      status: 409,
      json: { code: 'subscription-disabled' },
    });
    expect(await send({ enabled: true })).toMatchObject({ json: { state: 'enabled', disabledReason: null } });
    expect(await api.send('DELETE', `${path}/${id}`)).toMatchObject({ status: 200 });
    expect(await api.send('GET', `${path}/${id}`)).toMatchObject({
      status: 404,
      json: { code: 'subscription-not-found' },
    });
    const audit = await api.send('GET', `/v1/venues/${venueId}/audit?target=${id}`);
    expect(audit.json.data.map(({ action }) => action)).toEqual([
      ...['subscription.deleted', 'subscription.enabled', 'subscription.disabled', 'subscription.changed'],
      'subscription.created',
    ]);
    expect(audit.text).not.toContain('backend.example');
  });

  it('signs with both secrets while they overlap, and with at most the one before after that', async () => {
    const { id } = (await create()).json;
    const rotated = await api.send('POST', `${path}/${id}/rotate-secret`, { json: { overlapSeconds: 600 } });
    expect(rotated).toMatchObject({ status: 200 });
    const days = await api.send('POST', `${path}/${id}/rotate-secret`, { json: { overlapSeconds: 8 * 86_400 } });
    expect(days).toMatchObject({ status: 400 });
    const valid = () =>
      api.database
        .admin`select id from subscription_secrets where subscription_id = ${id} and (expires_at is null or expires_at > now())`;
    expect(await valid()).toHaveLength(2);
    await api.send('POST', `${path}/${id}/rotate-secret`, { json: { overlapSeconds: 0 } });
    expect(await valid()).toHaveLength(1);
  });

  it('tells what a receiver has made of a sample', async () => {
    const { id } = (await create()).json;
    api.subscriptionGateway.result = { delivered: false, status: null, error: 'unreachable', durationMs: 3 };
    expect(await api.send('POST', `${path}/${id}/test`)).toMatchObject({
      status: 200,
      json: { delivered: false, status: null, error: 'unreachable' },
    });
  });
});

describe('deliveries', () => {
  it('are listed by state, and resent one or many with the same id', async () => {
    const { id } = (await create()).json;
    const [failed, delivered] = [
      await aMessage(id, 'failed'),
      await aMessage(id, 'delivered'),
      await aMessage(id, 'failed'),
    ];
    const list = async (state: string) =>
      (await api.send('GET', `${path}/${id}/deliveries?state=${state}`)).json.data.map((one) => one.id);
    expect(await list('failed')).toHaveLength(2);
    expect(await api.send('POST', `${path}/${id}/deliveries/${delivered}/resend`)).toMatchObject({
      status: 202,
      json: { id: delivered, state: 'pending', attempts: 0 },
    });
    expect(await api.send('POST', `${path}/${id}/deliveries/resend`)).toMatchObject({
      status: 202,
      json: { resent: 2, more: false },
    });
    expect(await list('pending')).toContain(failed);
    expect(await list('failed')).toEqual([]);
    expect(await api.send('POST', `${path}/${id}/deliveries/${uuidv7()}/resend`)).toMatchObject({ status: 404 });
  });

  it('of another subscription or venue do not exist', async () => {
    const [one, two] = [(await create()).json.id, (await create()).json.id];
    const message = await aMessage(one, 'failed');
    expect(await api.send('GET', `${path}/${two}/deliveries/${message}`)).toMatchObject({ status: 404 });
    const other = await api.aVenue();
    expect(await api.send('GET', `/v1/venues/${other}/subscriptions/${one}/deliveries`)).toMatchObject({ status: 404 });
  });
});
