import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { createDisconnectionStore } from '../../../db/connections/disconnection-store.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import { createWebhookEndpointStore } from '../../../db/webhooks/webhook-endpoint-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { freePort } from '../../../runtime/start/ports.ts';
import { aToken, createApiWorld, PUBLIC_URL } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { aSecret, bodyOf, endpointRequests, pathOf } from './connection-endpoint-requests.ts';
import { mailchimpEvent, providers } from './webhook-deliveries.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld({ providers: providers() });
});
afterAll(() => api.close());

const { aConnection, anAddress, enterSecret, sendStripe, sendMailchimp, eventsOf } = endpointRequests(() => api);

describe('Mailchimp', () => {
  it('asks for the address with GET, and is answered 200 only where there is one', async () => {
    const path = await anAddress(await aConnection('mailchimp'));
    expect((await api.send('GET', path, { token: null })).status).toBe(200);
    for (const unknown of [`/webhooks/mailchimp/${randomBytes(32).toString('base64url')}`, '/webhooks/mailchimp'])
      expect(await api.send('GET', unknown, { token: null })).toMatchObject({
        status: 404,
        json: { code: 'webhook-not-found' },
      });
  });

  it('is answered the same by HEAD as by GET, and told of both where it tries another method', async () => {
    const path = await anAddress(await aConnection('mailchimp'));
    expect(await api.send('HEAD', path, { token: null })).toMatchObject({ status: 200 });
    const unknown = `/webhooks/mailchimp/${randomBytes(32).toString('base64url')}`;
    expect(await api.send('HEAD', unknown, { token: null })).toMatchObject({ status: 404 });
    const refused = await api.send('DELETE', path, { token: null });
    expect(refused.status).toBe(405);
    expect(refused.headers.get('allow')).toBe('GET, HEAD, POST');
  });

  it('sends forms, which are kept as they came, and change nothing where no resource is pulled', async () => {
    const ref = await aConnection('mailchimp');
    const path = await anAddress(ref);
    expect((await sendMailchimp(path)).status).toBe(200);
    await api.drain();
    const [event] = await eventsOf(ref);
    expect(event).toMatchObject({ provider: 'mailchimp', type: 'profile', state: 'ignored' });
    const [row] = await api.database.admin<{ body: Buffer }[]>`
      select body from webhook_events where id = ${event?.id ?? ''}`;
    expect(row?.body.toString()).toBe(mailchimpEvent());
    const replayed = await api.send('POST', `/v1/venues/${ref.venueId}/events/${event?.id ?? ''}/replay`);
    expect(replayed.status).toBe(202);
  });

  it('has a repeat stored once, and two changes of one second twice', async () => {
    const ref = await aConnection('mailchimp');
    const path = await anAddress(ref);
    for (const body of [mailchimpEvent(), mailchimpEvent(), mailchimpEvent({ 'data[merges][FNAME]': 'Grace' })])
      expect((await sendMailchimp(path, body)).status).toBe(200);
    expect(await eventsOf(ref)).toHaveLength(2);
  });

  it('is accepted at the address before for as long as was asked for, and never told 410', async () => {
    const ref = await aConnection('mailchimp');
    const [first, second] = [await anAddress(ref), await anAddress(ref)];
    for (const path of [first, second]) expect((await sendMailchimp(path)).status).toBe(200);
    const third = await anAddress(ref, { keepPreviousHours: 0 });
    for (const path of [first, second]) expect((await sendMailchimp(path)).status).toBe(404);
    expect((await sendMailchimp(third)).status).toBe(200);
  });

  it.each(['disconnecting', 'disconnected'])(
    'is answered 404 and not 410 by a connection that is %s',
    async (state) => {
      const ref = await aConnection('mailchimp');
      const path = await anAddress(ref);
      await api.database.admin`update connections set state = ${state} where id = ${ref.connectionId}`;
      expect((await sendMailchimp(path)).status).toBe(404);
      expect((await api.send('GET', path, { token: null })).status).toBe(404);
      expect(await api.send('POST', pathOf(ref), { json: {} })).toMatchObject({
        status: 409,
        json: { code: 'connection-not-active' },
      });
    },
  );

  it.each<[string, string, number, string]>([
    ['no type', 'a=b', 400, 'invalid-request'],
    ['nothing', '', 400, 'invalid-request'],
    ['JSON', '{"type":"profile"}', 400, 'invalid-request'],
    ['too many fields', `type=profile${'&a=b'.repeat(1_000)}`, 400, 'too-many-values'],
  ])('is refused with a form of %s', async (_case, body, status, code) => {
    const path = await anAddress(await aConnection('mailchimp'));
    expect(await sendMailchimp(path, body)).toMatchObject({ status, json: { code } });
  });

  it('has the fields of a form for what they are, whatever their names', async () => {
    const ref = await aConnection('mailchimp');
    const path = await anAddress(ref);
    const odd = `__proto__=x&constructor=y&type=profile&data%5B__proto__%5D%5Btype%5D=z&n=%00&u=%ff`;
    expect((await sendMailchimp(path, odd)).status).toBe(200);
    expect(await eventsOf(ref)).toMatchObject([{ type: 'profile' }]);
  });
});

describe('an address of a connection’s own', () => {
  it('is shown once, and stored nowhere', async () => {
    const ref = await aConnection('mailchimp');
    const path = await anAddress(ref);
    const token = path.split('/').at(-1) ?? '';
    const read = await api.send('GET', pathOf(ref));
    expect(bodyOf(read)).toMatchObject({ url: null, verifiedBy: 'secret-url', signingSecretSet: false });
    expect(read.text).not.toContain(token);
    const [row] = await api.database.admin<{ row: string; digest: Buffer }[]>`
      select row_to_json(e)::text as row, path_digest as digest from webhook_endpoints e where connection_id = ${ref.connectionId}`;
    expect(row?.row).not.toContain(token);
    expect(row?.digest).toEqual(createHash('sha256').update(token).digest());
  });

  it('and its secret are in no log line, error or audit row', async () => {
    const ref = await aConnection('stripe');
    const before = api.logLines.length;
    const path = await anAddress(ref);
    const secret = await enterSecret(ref);
    const token = path.split('/').at(-1) ?? '';
    const answers = [
      await sendStripe(path, secret),
      await sendStripe(path, secret, 'no json'),
      await sendStripe(path, aSecret()),
      await sendStripe(`${path.slice(0, -1)}x`, secret),
      await api.send('GET', path, { token: null }),
      await api.send('GET', pathOf(ref)),
      await api.send('PUT', pathOf(ref, '/signing-secret'), { json: { signingSecret: `no ${secret}` } }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 401, 404, 405, 200, 400]);
    const audit = await api.database.admin<{ row: string }[]>`
      select row_to_json(a)::text as row from audit_log a where venue_id = ${ref.venueId}`;
    expect(audit.map(({ row }) => (JSON.parse(row) as { action: string }).action)).toEqual([
      'connection.webhook-endpoint-created',
      'connection.webhook-secret-entered',
    ]);
    const everything = [
      ...api.logLines.slice(before),
      ...answers.map(({ text }) => text),
      ...audit.map(({ row }) => row),
    ].join('\n');
    expect(everything).toContain('/webhooks/{provider}/{endpoint}');
    for (const hidden of [token, token.slice(0, -1), secret]) expect(everything).not.toContain(hidden);
  });

  it('is given again to a repeat of the request with the same key', async () => {
    const ref = await aConnection('mailchimp');
    const headers = { 'idempotency-key': randomUUID() };
    const first = await api.send('POST', pathOf(ref), { headers });
    const second = await api.send('POST', pathOf(ref), { headers });
    expect(bodyOf(first).url).toBe(bodyOf(second).url);
    expect((await sendMailchimp((bodyOf(first).url ?? '').slice(PUBLIC_URL.length))).status).toBe(200);
  });

  it('is none of another provider’s', async () => {
    const path = await anAddress(await aConnection('mailchimp'));
    expect(await sendMailchimp(path.replace('mailchimp', 'stripe'))).toMatchObject({ status: 401 });
    expect(await sendMailchimp(path.replace('mailchimp', 'square'))).toMatchObject({ status: 404 });
    const ofStripe = await anAddress(await aConnection('stripe'));
    expect(await sendMailchimp(ofStripe.replace('stripe', 'mailchimp'))).toMatchObject({ status: 404 });
  });

  it.each(['square', 'quickbooks'] as const)('is not made for %s, which has one for all', async (provider) => {
    const ref = await aConnection(provider);
    for (const method of ['POST', 'GET'])
      expect(await api.send(method, pathOf(ref))).toMatchObject({
        status: 409,
        json: { code: 'webhook-endpoint-not-supported' },
      });
  });

  it('has no signing secret where nothing is signed, and none before there is an address', async () => {
    const json = { signingSecret: aSecret() };
    expect(await api.send('PUT', pathOf(await aConnection('mailchimp'), '/signing-secret'), { json })).toMatchObject({
      status: 409,
      json: { code: 'webhook-endpoint-not-supported' },
    });
    const stripe = await aConnection('stripe');
    expect(await api.send('PUT', pathOf(stripe, '/signing-secret'), { json })).toMatchObject({
      status: 404,
      json: { code: 'webhook-endpoint-not-found' },
    });
    expect(await api.send('GET', pathOf(stripe))).toMatchObject({
      status: 404,
      json: { code: 'webhook-endpoint-not-found' },
    });
  });

  it('is hidden from other venues, and made by administrators alone', async () => {
    const [ref, other] = [await aConnection('mailchimp'), await aConnection('mailchimp')];
    const foreign = { ...ref, venueId: other.venueId };
    for (const method of ['GET', 'POST'])
      expect(await api.send(method, pathOf(foreign))).toMatchObject({
        status: 404,
        json: { code: 'connection-not-found' },
      });
    const token = await aToken({ role: 'operator' });
    expect((await api.send('POST', pathOf(ref), { token })).status).toBe(403);
    expect(
      (await api.send('PUT', pathOf(ref, '/signing-secret'), { token, json: { signingSecret: aSecret() } })).status,
    ).toBe(403);
  });

  it('goes with the connection’s credentials when it is disconnected', async () => {
    const ref = await aConnection('stripe');
    await anAddress(ref);
    await enterSecret(ref);
    const { db } = api.database;
    await createDisconnectionStore(db, createAuditStore(db), RECORD_KINDS).wipe(ref, {
      revocation: 'revoked',
      records: 'keep',
      requestedBy: 'tester',
    });
    expect(await api.database.admin`select from webhook_endpoints where connection_id = ${ref.connectionId}`).toEqual(
      [],
    );
  });

  it('is answered 503 while Postgres is away, so that the event is sent again', async () => {
    const db = openDatabase({
      url: `postgres://nobody@127.0.0.1:${await freePort()}/nothing`,
      maxConnections: 1,
      applicationName: 'test',
    });
    const world = await createApiWorld({
      providers: providers(),
      deps: { webhookEndpoints: createWebhookEndpointStore(db) },
    });
    try {
      const answer = await sendMailchimp(`/webhooks/mailchimp/${'a'.repeat(43)}`, mailchimpEvent(), world);
      expect(answer).toMatchObject({ status: 503, json: { code: 'database-unavailable' } });
    } finally {
      await world.close();
      await db.$client.end({ timeout: 1 });
    }
  });
});
