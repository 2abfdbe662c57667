import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { INBOX_SWEEP_SCHEDULE_ID, processWebhookWorkflowId } from '../../contracts/inbox.ts';
import type { WebhookEventId } from '../../contracts/ids.ts';
import { MAX_EVENT_ATTEMPTS } from '../../domain/inbox/event-retry.ts';
import { until } from '../support/eventually.ts';
import { squareSandboxControl } from '../support/sandbox/square-merchant.ts';
import type { SquareMerchant } from '../support/sandbox/square-merchant.ts';
import { sendStripeEvent } from '../support/stripe-event.ts';
import type { StripeEvent } from '../support/stripe-event.ts';
import { aSyncVenue, attributesOf } from '../support/worlds/sync-venue.ts';
import type { SyncVenue } from '../support/worlds/sync-venue.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

interface ShownEvent {
  readonly id: WebhookEventId;
  readonly type: string;
  readonly state: string;
  readonly attempts: number;
  readonly errorCode: string | null;
}

const LIMIT_MS = 30_000;
/** A version whose events are not trusted: their objects are read again. */
const OLD_VERSION = '2014-12-22';

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '2000' } });
  await system.stripe.limits({ requestsPerSecond: 0 });
}, 120_000);
afterAll(() => system.stop());

const nameOf = async (venueId: string, externalId: string): Promise<string | null | undefined> =>
  (await system.api.customers(venueId)).find(
    ({ links, deletedAt }) => deletedAt === null && links[0]?.externalId === externalId,
  )?.name;
const isNamed = (venueId: string, externalId: string, name: string | undefined) =>
  until(async () => (await nameOf(venueId, externalId)) === name, {
    limitMs: LIMIT_MS,
    what: `the record of ${externalId} is ${name ?? 'gone'}\n${system.logOf('worker')}`,
  });

describe('events of Square, which its stand-in sends by itself', () => {
  let merchant: SquareMerchant;
  let venueId: string;

  beforeAll(async () => {
    const square = squareSandboxControl(system.sandbox.square);
    [merchant, venueId] = await Promise.all([square.addMerchant(), system.api.createVenue()]);
    // Square sends events of merchants who have authorised the application.
    await square.tokenFor(merchant.id, 'MERCHANT_PROFILE_READ CUSTOMERS_READ');
    const { body } = await system.api.tryPost(`/v1/venues/${venueId}/connections`, {
      ...{ provider: 'square', environment: 'sandbox' },
      credentials: { secretKey: merchant.token },
    });
    const { id: connectionId } = body as { readonly id: string };
    await system.api.sync(venueId, { connectionId, direction: 'pull' });
  });

  it('create, change and delete the record of a customer without a sync', async () => {
    const { client } = merchant;
    const { customer } = await client.customers.create({ givenName: 'Ada' });
    const customerId = customer?.id ?? '';
    await isNamed(venueId, customerId, 'Ada');
    await client.customers.update({ customerId, familyName: 'Lovelace' });
    await isNamed(venueId, customerId, 'Ada Lovelace');
    await client.customers.delete({ customerId });
    await isNamed(venueId, customerId, undefined);
  });
});

describe('events of Stripe', () => {
  let venue: SyncVenue;
  beforeEach(async () => {
    venue = await aSyncVenue(system);
    await system.api.sync(venue.venueId, { connectionId: venue.connectionId, direction: 'pull' });
  });

  const path = (rest = '') => `/v1/venues/${venue.venueId}/events${rest}`;
  const deliver = async (event: object): Promise<void> => {
    const to = { url: `${system.apiUrl}/webhooks/stripe`, secret: system.sandbox.stripe['webhookSecret'] ?? '' };
    expect(await sendStripeEvent(to, venue.account.id, event)).toBe(200);
  };
  const newest = async (): Promise<StripeEvent> => {
    const { data } = await venue.account.call<{ readonly data: readonly StripeEvent[] }>('GET', 'events?limit=1');
    return data[0]!;
  };
  const shown = async (): Promise<readonly ShownEvent[]> =>
    (await system.api.get<{ readonly data: readonly ShownEvent[] }>(path())).data;
  const reaches = (id: string, state: string, more: (event: ShownEvent) => boolean = () => true) =>
    until(
      async () => (await shown()).find((event) => event.id === id && event.state === state && more(event)) ?? null,
      {
        limitMs: LIMIT_MS,
        what: `the event is ${state}\n${system.logOf('worker')}`,
      },
    );
  const processing = (id: WebhookEventId) => system.temporal.workflow.getHandle(processWebhookWorkflowId(id));
  const letterOf = async () =>
    (
      await system.api.get<{ readonly data: readonly { readonly id: string; readonly state: string }[] }>(
        `/v1/venues/${venue.venueId}/dead-letters?source=event`,
      )
    ).data;

  it('change the records, by way of the endpoint, the inbox and a worker’s drainer', async () => {
    const { id } = await venue.account.call('POST', 'customers', { name: 'Ada' });
    await deliver(await newest());
    await isNamed(venue.venueId, id, 'Ada');
    expect(await shown()).toMatchObject([{ type: 'customer.created', state: 'applied', attempts: 1 }]);
  });

  it('that arrive while the connection is suspended change the records by themselves after it is resumed', async () => {
    const connection = `/v1/venues/${venue.venueId}/connections/${venue.connectionId}`;
    expect((await system.api.tryPost(`${connection}/suspend`, {})).status).toBe(200);
    const { id } = await venue.account.call('POST', 'customers', { name: 'Ada' });
    await deliver(await newest());
    const event = await until(async () => (await shown()).find(({ state }) => state === 'applied') ?? null, {
      ...{ limitMs: LIMIT_MS, what: 'the event is handled' },
    });
    expect(event).toMatchObject({ effects: [{ kind: 'skipped', reason: 'suspended' }] });
    expect((await system.api.tryPost(`${connection}/resume`, {})).status).toBe(200);
    // Not waited for: the Schedule starts it every minute.
    await system.temporal.schedule.getHandle(INBOX_SWEEP_SCHEDULE_ID).trigger();
    await isNamed(venue.venueId, id, 'Ada');
  });

  it('are processed by a run of their own once they fail, replayed under its id, dead in the end, and retried from there', async () => {
    const poisoned = await venue.account.call('POST', 'customers', { name: 'Ada' });
    await venue.account.fault({
      match: { method: 'GET', path: `/v1/customers/${poisoned.id}` },
      ...{ kind: 'status', status: 500, times: 1_000 },
    });
    await deliver({ ...(await newest()), api_version: OLD_VERSION });
    const healthy = await venue.account.call('POST', 'customers', { name: 'Grace' });
    await deliver(await newest());
    await isNamed(venue.venueId, healthy.id, 'Grace');

    const { id } = (await shown()).find(({ state }) => state !== 'applied')!;
    await reaches(id, 'retrying');
    const first = await until(
      () =>
        processing(id)
          .describe()
          .catch(() => null),
      {
        limitMs: LIMIT_MS,
        what: 'a run processes the event',
      },
    );
    expect(first).toMatchObject({ type: 'processWebhook', status: { name: 'RUNNING' } });
    expect(attributesOf(first)).toMatchObject({ Provider: 'stripe' });

    expect((await system.api.tryPost(path(`/${id}/replay`), {})).status).toBe(202);
    const second = await until(
      async () => {
        const now = await processing(id).describe();
        return now.runId !== first.runId && now;
      },
      { limitMs: LIMIT_MS, what: 'another run under the same id processes the event' },
    );
    expect(second.workflowId).toBe(first.workflowId);

    // The attempts of some hours are taken as made: the next one is the last.
    await until(
      async () =>
        (
          await system.database`update webhook_events set attempts = ${MAX_EVENT_ATTEMPTS - 1}
          where id = ${id} and state = 'retrying'`
        ).count === 1,
      { limitMs: LIMIT_MS, what: 'the event fails again' },
    );
    expect(await reaches(id, 'dead')).toMatchObject({ errorCode: 'unavailable' });
    await until(async () => (await processing(id).describe()).status.name === 'FAILED', {
      limitMs: LIMIT_MS,
      what: 'the run of the dead event has failed',
    });
    expect(attributesOf(await processing(id).describe())).toMatchObject({ NeedsAttention: true });
    const [letter] = await letterOf();
    expect(letter).toMatchObject({ state: 'open' });
    expect(await nameOf(venue.venueId, poisoned.id)).toBeUndefined();

    await venue.account.clearFaults();
    await system.api.tryPost(`/v1/venues/${venue.venueId}/dead-letters/${letter?.id ?? ''}/retry`, {});
    await isNamed(venue.venueId, poisoned.id, 'Ada');
    await until(async () => (await letterOf())[0]?.state === 'resolved', {
      limitMs: LIMIT_MS,
      what: 'the dead letter is resolved',
    });
  });
});
