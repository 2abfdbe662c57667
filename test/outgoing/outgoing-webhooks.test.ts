import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId } from '../../contracts/ids.ts';
import type { OutgoingEventType } from '../../contracts/outgoing-webhooks.ts';
import { EVENT_PAYLOADS } from '../../domain/outgoing/event-payloads.ts';
import { REGISTRIES } from '../../providers/registry.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { until } from '../support/eventually.ts';
import { sandboxControl } from '../support/sandbox/sandbox-control.ts';
import { startWebhookReceiver, verifies } from '../support/webhook-receiver.ts';
import type { WebhookReceiver } from '../support/webhook-receiver.ts';
import { createServiceWorld } from '../support/worlds/service-world.ts';
import type { ServiceWorld } from '../support/worlds/service-world.ts';

const RECORDS = 1_200;

let sandbox: Awaited<ReturnType<typeof startStripeSandbox>>;
let world: ServiceWorld;
let receiver: WebhookReceiver;
let venueId: string;
let path: string;
let connectionId: ConnectionId;

beforeAll(async () => {
  [sandbox, receiver] = await Promise.all([
    startStripeSandbox({ limits: { requestsPerSecond: 0 } }),
    startWebhookReceiver(),
  ]);
  world = await createServiceWorld({
    registries: REGISTRIES,
    env: { STRIPE_API_URL: sandbox.apiUrl, ALLOW_LOOPBACK_RECEIVERS: 'true' },
  });
  const venue = await world.send('POST', '/v1/venues', {
    json: { name: 'A venue', timeZone: 'Europe/Berlin', currency: 'EUR' },
  });
  venueId = String(venue.json['id']);
  path = `/v1/venues/${venueId}`;
}, 120_000);
afterAll(async () => {
  await world.close();
  await Promise.all([sandbox.close(), receiver.close()]);
});

const soon = { limitMs: 30_000 } as const;

async function subscribe(json: object = {}) {
  const answer = await world.send('POST', `${path}/subscriptions`, { json: { url: receiver.url, ...json } });
  expect(answer).toMatchObject({ status: 201 });
  return answer.json as { readonly id: string; readonly secret: string };
}

describe('a subscription to the service’s own events', () => {
  it('is sent what a first pull does as a handful of signed messages without personal data', async () => {
    const { secret } = await subscribe();
    await sandboxControl(sandbox.controlUrl).seed({ resource: 'customers', count: RECORDS });
    const connected = await world.send('POST', `${path}/connections`, {
      json: { provider: 'stripe', environment: 'sandbox', credentials: { secretKey: sandbox.secretKey } },
    });
    connectionId = connected.json['id'] as ConnectionId;
    await world.send('POST', `${path}/syncs`, {
      json: { connectionId, resource: 'customers', direction: 'pull', mode: 'full' },
    });
    const changes = () =>
      receiver
        .ofType('record.changed')
        .filter(({ body }) => body.data['resource'] === 'customers')
        .reduce((sum, { body }) => sum + (body.data['counts'] as { created: number }).created, 0);
    await until(async () => changes() >= RECORDS, { ...soon, what: 'every change is told of' });
    await until(async () => receiver.ofType('backfill.done').length > 0, { ...soon, what: 'the backfill is done' });

    expect(changes()).toBe(RECORDS);
    expect(receiver.ofType('record.changed').length).toBeLessThanOrEqual(6);
    expect(receiver.ofType('connection.created')).toHaveLength(1);
    expect(receiver.ofType('sync.finished')[0]?.body.data).toMatchObject({
      ...{ connectionId, resource: 'customers', direction: 'pull', outcome: 'completed' },
      path: expect.stringMatching(`^${path}/syncs/`) as string,
    });
    for (const message of receiver.received) {
      expect(verifies(message, secret)).toBe(true);
      const { type, data } = message.body;
      EVENT_PAYLOADS[type as OutgoingEventType].strict().parse(data);
      expect(message.text).not.toMatch(/@|sk_test_|\+\d{6}/);
    }
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(receiver.received.length);
  }, 90_000);

  describe('whose receiver fails', () => {
    const remove = (id: string) => world.send('DELETE', `${path}/subscriptions/${id}`);
    const read = async (id: string) => (await world.send('GET', `${path}/subscriptions/${id}`)).json;
    const deliveriesOf = async (id: string, state: string) =>
      (await world.send('GET', `${path}/subscriptions/${id}/deliveries?state=${state}`)).json['data'] as readonly {
        readonly id: string;
        readonly lastError: string;
      }[];
    /** Something that subscribers are told of. */
    const happen = async () => {
      for (const action of ['suspend', 'resume']) {
        const answer = await world.send('POST', `${path}/connections/${connectionId}/${action}`);
        expect(answer).toMatchObject({ status: 200 });
      }
    };
    let id: string;
    let failing: WebhookReceiver;
    beforeEach(async () => {
      failing = await startWebhookReceiver();
      ({ id } = await subscribe({ url: failing.url, types: ['sync.paused'] }));
    });
    afterEach(async () => {
      await remove(id);
      await failing.close();
    });

    it('is left alone for as long as its Retry-After says, and is sent everything then', async () => {
      failing.answer({ status: 503, headers: { 'retry-after': '8' } });
      await happen();
      await until(async () => failing.received.length > 0, { ...soon, what: 'the first attempt' });
      const firstMs = performance.now();
      await until(async () => (await read(id))['restsUntil'] !== null, { ...soon, what: 'the rest is marked' });
      failing.answer({ status: 204, headers: {} });
      await happen();
      await until(async () => failing.received.length >= 3, { ...soon, what: 'both messages are accepted' });
      expect(performance.now() - firstMs).toBeGreaterThan(7_000);
      expect(new Set(failing.received.map(({ headers }) => headers['webhook-id'])).size).toBe(2);
    }, 60_000);

    it('shows what it has missed when it is disabled, and is sent that once it is enabled and asked to', async () => {
      failing.answer({ status: 410 });
      await happen();
      await until(async () => (await read(id))['state'] === 'disabled', { ...soon, what: 'it is disabled' });
      const missed = await deliveriesOf(id, 'failed');
      expect(missed).toMatchObject([{ lastError: 'status', lastStatus: 410, attempts: 1 }]);
      const resend = () => world.send('POST', `${path}/subscriptions/${id}/deliveries/resend`);
      expect(await resend()).toMatchObject({ status: 409, json: { code: 'subscription-disabled' } });

      failing.answer({ status: 204 });
      await world.send('PATCH', `${path}/subscriptions/${id}`, { json: { enabled: true } });
      expect(await resend()).toMatchObject({ status: 202, json: { resent: 1 } });
      await until(async () => (await deliveriesOf(id, 'delivered')).length === 1, { ...soon, what: 'it is delivered' });
      expect(failing.received.map(({ headers }) => headers['webhook-id'])).toEqual([missed[0]?.id, missed[0]?.id]);
    }, 60_000);
  });
});
