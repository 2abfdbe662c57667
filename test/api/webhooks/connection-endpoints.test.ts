import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Stripe } from 'stripe';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { createDisconnectionStore } from '../../../db/connections/disconnection-store.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import { createWebhookEndpointStore } from '../../../db/webhooks/webhook-endpoint-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { freePort } from '../../../runtime/start/ports.ts';
import { VaultError } from '../../../vault/vault-error.ts';
import { aToken, createApiWorld, PUBLIC_URL } from '../api-world.ts';
import type { Answered, ApiWorld } from '../api-world.ts';
import { anAccount, mailchimpEvent, providers } from './webhook-deliveries.ts';

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

interface Connected {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  readonly account: string;
}

type Provider = 'stripe' | 'mailchimp' | 'square' | 'quickbooks';

/** A connection with a key of the venue's own. */
async function aConnection(provider: Provider, { account = '', state = 'active', flow = null as string | null } = {}) {
  const { admin } = api.database;
  const whose = account || (provider === 'stripe' ? anAccount('stripe') : randomBytes(12).toString('hex'));
  const ref: Connected = { venueId: await api.aVenue(), connectionId: uuidv7() as ConnectionId, account: whose };
  const environment = provider === 'mailchimp' ? 'production' : 'sandbox';
  await admin`insert into connections (id, venue_id, provider, environment, state, external_account_id, flow) values (${ref.connectionId}, ${ref.venueId}, ${provider}, ${environment}, ${state}, ${whose}, ${flow})`;
  if (flow === null)
    await admin`insert into venue_api_keys (connection_id, venue_id, sealed_key) values (${ref.connectionId}, ${ref.venueId}, ${Buffer.from('sealed')})`;
  else
    await admin`insert into oauth_tokens (connection_id, venue_id, sealed_tokens) values (${ref.connectionId}, ${ref.venueId}, ${Buffer.from('sealed')})`;
  return ref;
}

interface EndpointBody {
  readonly url: string | null;
  readonly verifiedBy: string;
  readonly signingSecretSet: boolean;
  readonly previousUrlEndsAt: string | null;
}
const bodyOf = ({ json }: Answered) => json as unknown as EndpointBody;
const pathOf = ({ venueId, connectionId }: Connected, rest = '') =>
  `/v1/venues/${venueId}/connections/${connectionId}/webhook-endpoint${rest}`;

/** The path of a new address. */
async function anAddress(ref: Connected, json: object = {}): Promise<string> {
  const answer = await api.send('POST', pathOf(ref), { json });
  expect(answer.status, answer.text).toBe(201);
  const { url } = bodyOf(answer);
  expect(url?.startsWith(`${PUBLIC_URL}/webhooks/`)).toBe(true);
  return (url ?? '').slice(PUBLIC_URL.length);
}

const aSecret = () => `whsec_${randomBytes(16).toString('hex')}`;
async function enterSecret(ref: Connected, signingSecret = aSecret(), keepPreviousHours?: number): Promise<string> {
  const json = { signingSecret, ...(keepPreviousHours !== undefined && { keepPreviousHours }) };
  const answer = await api.send('PUT', pathOf(ref, '/signing-secret'), { json });
  expect(answer.status, answer.text).toBe(200);
  return signingSecret;
}

const signedByStripe = (body: string, secret: string) => ({
  'stripe-signature': Stripe.webhooks.generateTestHeaderString({ payload: body, secret }),
});
const stripeEvent = (fields: object = {}) =>
  JSON.stringify({
    id: `evt_${randomUUID()}`,
    object: 'event',
    livemode: false,
    type: 'payout.paid',
    data: { object: {} },
    ...fields,
  });
const sendStripe = (path: string, secret: string, body = stripeEvent()) =>
  api.send('POST', path, { token: null, body, headers: signedByStripe(body, secret) });

const sendMailchimp = (path: string, body = mailchimpEvent(), world = api) =>
  world.send('POST', path, {
    token: null,
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });

const eventsOf = async (ref: Connected) => (await api.send('GET', `/v1/venues/${ref.venueId}/events`)).json.data;

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
