import { createHmac, randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { providers, QUICKBOOKS_TOKEN, QUICKBOOKS_TOKEN_BEFORE } from './webhook-deliveries.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld({ providers: providers() });
});
afterAll(() => api.close());
beforeEach(() => api.database.admin`truncate webhook_events cascade`);

const signature = (body: string, token = QUICKBOOKS_TOKEN) => createHmac('sha256', token).update(body).digest('base64');

function deliver(delivery: unknown, { token = QUICKBOOKS_TOKEN } = {}) {
  const body = JSON.stringify(delivery);
  return api.send('POST', '/webhooks/quickbooks', {
    token: null,
    body,
    headers: { 'content-type': 'application/json', 'intuit-signature': signature(body, token) },
  });
}

const aRealm = () => String(Math.floor(Math.random() * 1e15));

/** An event as Intuit has sent it since 2026. */
const cloudEvent = (realm: string, type = 'qbo.customer.updated.v1', id = randomUUID()) => ({
  specversion: '1.0',
  id,
  source: 'intuit.dsnBgbseACLLRZNxo2dfc4evmEJdxde58xeeYcZliOU=',
  type,
  datacontenttype: 'application/json',
  time: '2026-11-28T21:31:25.179Z',
  intuitentityid: '95',
  intuitaccountid: realm,
  data: {},
});

const legacy = (...notifications: readonly (readonly [realm: string, ...entities: object[]])[]) => ({
  eventNotifications: notifications.map(([realmId, ...entities]) => ({ realmId, dataChangeEvent: { entities } })),
});
const customer = (id: string) => ({
  name: 'Customer',
  id,
  operation: 'Update',
  lastUpdated: '2026-11-28T14:42:19-0700',
});

interface Kept {
  readonly type: string;
  readonly realm: string | null;
  readonly environment: string | null;
  readonly body: Buffer;
}
const kept = () => api.database.admin<Kept[]>`
  select type, external_account_id as realm, environment, body from webhook_events where provider = 'quickbooks' order by type, realm`;

async function aVenueOf(realm: string): Promise<VenueId> {
  const venueId = await api.aVenue();
  await api.database
    .admin`insert into connections (id, venue_id, provider, environment, state, external_account_id, flow) values (${uuidv7()}, ${venueId}, 'quickbooks', 'sandbox', 'active', ${realm}, 'code')`;
  return venueId;
}

describe('a delivery of QuickBooks', () => {
  it('with CloudEvents of several companies becomes one event for each, which its venue alone sees', async () => {
    const [one, other] = [aRealm(), aRealm()];
    const [here, there] = [await aVenueOf(one), await aVenueOf(other)];
    const events = [cloudEvent(one), cloudEvent(other, 'qbo.invoice.void.v1'), cloudEvent(one, 'qbo.item.merged.v1')];
    expect(await deliver(events)).toMatchObject({ status: 200, json: { received: true } });
    const typesOf = async (venueId: VenueId) =>
      (await api.send('GET', `/v1/venues/${venueId}/events`)).json.data.map(({ type }) => type).sort();
    expect(await typesOf(here)).toEqual(['qbo.customer.updated.v1', 'qbo.item.merged.v1']);
    expect(await typesOf(there)).toEqual(['qbo.invoice.void.v1']);
    // A stored body has nothing of another company.
    for (const { realm, body } of await kept()) expect(body.toString().includes(one)).toBe(realm === one);
  });

  it('in the earlier format becomes one event for each entity', async () => {
    const [one, other] = [aRealm(), aRealm()];
    const vendor = { name: 'Vendor', id: '1', operation: 'Create', lastUpdated: '2026-11-28T14:42:19-0700' };
    expect((await deliver(legacy([one, customer('1'), vendor], [other, customer('1')]))).status).toBe(200);
    expect(await kept()).toMatchObject([
      { type: 'Customer.Update', realm: [one, other].sort()[0], environment: 'sandbox' },
      { type: 'Customer.Update', realm: [one, other].sort()[1] },
      { type: 'Vendor.Create', realm: one },
    ]);
    // Each body is a delivery by itself, in the format that it came in.
    const [, , last] = await kept();
    expect(JSON.parse(last?.body.toString() ?? '')).toEqual(legacy([one, vendor]));
  });

  it('that repeats events is stored once, also among other events and twice in one delivery', async () => {
    const realm = aRealm();
    const event = cloudEvent(realm);
    expect((await deliver([event, event])).status).toBe(200);
    expect((await deliver([cloudEvent(realm), event])).status).toBe(200);
    expect(await kept()).toHaveLength(2);
    expect((await deliver(legacy([realm, customer('7')]))).status).toBe(200);
    expect((await deliver(legacy([realm, customer('8'), customer('7')]))).status).toBe(200);
    expect(await kept()).toHaveLength(4);
  });

  it.each<[string, unknown]>([
    ['an entity that nobody knows', { ...cloudEvent('1'), type: 'qbo.hologram.emailed.v9' }],
    ['no type', { specversion: '1.0', id: 'x' }],
    ['a company that is none', { ...cloudEvent('1'), intuitaccountid: '../1' }],
    ['a number instead of an event', 7],
    ['null instead of an event', null],
  ])('with %s beside a known event is accepted whole, and nothing is lost', async (_case, unknown) => {
    const realm = aRealm();
    expect((await deliver([unknown, cloudEvent(realm)])).status).toBe(200);
    expect(await kept()).toHaveLength(2);
    expect((await kept()).filter((event) => event.realm === realm)).toMatchObject([
      { type: 'qbo.customer.updated.v1' },
    ]);
  });

  it.each<[string, unknown]>([
    ['an entity without a name', legacy(['1', { id: '1' }])],
    ['a notification without entities', { eventNotifications: [{ realmId: '1' }] }],
    ['a notification that is none', { eventNotifications: [null] }],
  ])('in the earlier format with %s is accepted', async (_case, delivery) => {
    expect((await deliver(delivery)).status).toBe(200);
    expect(await kept()).toHaveLength(1);
  });

  it('without any event is accepted', async () => {
    expect((await deliver([])).status).toBe(200);
    expect((await deliver({ eventNotifications: [] })).status).toBe(200);
    expect(await kept()).toEqual([]);
  });

  it('about what its venue does not pull is ignored, and can be replayed', async () => {
    const realm = aRealm();
    const venueId = await aVenueOf(realm);
    await deliver([cloudEvent(realm)]);
    await api.drain();
    const { json } = await api.send('GET', `/v1/venues/${venueId}/events`);
    expect(json.data).toMatchObject([{ provider: 'quickbooks', state: 'ignored', effects: [] }]);
    const replayed = await api.send('POST', `/v1/venues/${venueId}/events/${json.data[0]?.id ?? ''}/replay`, {
      headers: { 'idempotency-key': randomUUID() },
    });
    expect(replayed).toMatchObject({ status: 202, json: { state: 'waiting' } });
  });

  it('is accepted with either of two tokens while one replaces the other', async () => {
    for (const token of [QUICKBOOKS_TOKEN, QUICKBOOKS_TOKEN_BEFORE])
      expect((await deliver([cloudEvent(aRealm())], { token })).status).toBe(200);
    expect((await deliver([cloudEvent(aRealm())], { token: 'another' })).status).toBe(401);
  });

  it('wakes each partition that has got an event', async () => {
    // The look for an earlier delivery may come after its answer and wake a partition then: that counts as well.
    api.inboxGateway.woken.length = 0;
    // Empties the inbox, so that every partition is idle.
    await api.drain();
    await deliver(Array.from({ length: 40 }, () => cloudEvent(aRealm())));
    await expect.poll(() => [...new Set(api.inboxGateway.woken)].toSorted()).toEqual([0, 1, 2, 3]);
  });
});
