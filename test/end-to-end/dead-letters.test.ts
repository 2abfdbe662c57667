import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { retryDeadLettersWorkflowId } from '../../contracts/dead-letters.ts';
import type { VenueId } from '../../contracts/ids.ts';
import { REGISTRIES } from '../../providers/registry.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { until } from '../support/eventually.ts';
import { sandboxControl } from '../support/sandbox/sandbox-control.ts';
import { createServiceWorld } from '../support/worlds/service-world.ts';
import type { ServiceWorld } from '../support/worlds/service-world.ts';

interface Letter {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
}

// Longer than the waits of a test together.
describe('dead letters through the whole service', { timeout: 300_000 }, () => {
  let sandbox: Awaited<ReturnType<typeof startStripeSandbox>>;
  let world: ServiceWorld;
  let venueId: VenueId;
  let path: string;
  let connectionId: string;

  beforeAll(async () => {
    sandbox = await startStripeSandbox({ limits: { requestsPerSecond: 0 } });
    // Slow enough that a bulk retry is under way for some seconds.
    const env = { STRIPE_API_URL: sandbox.apiUrl, STRIPE_REQUESTS_PER_SECOND: '10' };
    world = await createServiceWorld({ registries: REGISTRIES, env });
  });
  afterAll(async () => {
    await world.close();
    await sandbox.close();
  });
  beforeEach(async () => {
    await stripe().reset();
    await stripe().limits({ requestsPerSecond: 0 });
    const venue = await world.send('POST', '/v1/venues', {
      json: { name: 'A venue', timeZone: 'Europe/Berlin', currency: 'EUR' },
    });
    venueId = venue.json['id'] as VenueId;
    path = `/v1/venues/${venueId}`;
    const connected = await world.send('POST', `${path}/connections`, {
      json: { provider: 'stripe', environment: 'sandbox', credentials: { secretKey: sandbox.secretKey } },
    });
    connectionId = connected.json['id'] as string;
  });

  const stripe = () => sandboxControl(sandbox.controlUrl);
  const written = async () => (await stripe().customers()).length;
  async function load(count: number, phone: string): Promise<void> {
    const records = Array.from({ length: count }, (_, index) => ({ sourceId: `c-${index}`, phone }));
    const { json } = await world.send('POST', `${path}/records/customers/batch`, { json: { records } });
    expect(json).toMatchObject({ rejected: 0 });
  }
  /** Longer than the 20 characters that Stripe takes. */
  const refused = '0'.repeat(30);
  const mended = '030 123456';

  async function push(): Promise<void> {
    const started = await world.send('POST', `${path}/syncs`, {
      json: { connectionId, resource: 'customers', direction: 'push', mode: 'incremental' },
    });
    const isOver = async () =>
      (await world.send('GET', `${path}/syncs/${String(started.json['id'])}`)).json['outcome'] !== null;
    await until(isOver, { limitMs: 60_000, what: 'the push ends' });
  }
  const letters = async (query = '') =>
    (await world.send('GET', `${path}/dead-letters${query}`)).json['data'] as readonly Letter[];
  const depth = async () => (await world.send('GET', `${path}/dead-letters/groups`)).json['depth'];
  const isIdle = async () => {
    const handle = world.temporal.workflow.getHandle(retryDeadLettersWorkflowId(venueId));
    return (await handle.describe()).status.name === 'COMPLETED';
  };

  it('lists a refused record, takes an edit of it, writes it when it is retried, and settles the entry', async () => {
    await load(1, refused);
    await push();
    const [letter] = await letters();
    expect(letter).toMatchObject({ state: 'open', attempts: 1 });
    const entry = `${path}/dead-letters/${letter?.id ?? ''}`;

    // Nothing has changed: it fails again, and stays one entry.
    expect(await world.send('POST', `${entry}/retry`)).toMatchObject({ status: 202, json: { state: 'retrying' } });
    await until(async () => (await letters())[0]?.state === 'open', { limitMs: 60_000, what: 'the retry fails' });
    expect(await letters()).toMatchObject([{ id: letter?.id, attempts: 2 }]);

    await world.send('PATCH', entry, { json: { fields: { phone: mended } } });
    await world.send('POST', `${entry}/retry`);
    await until(async () => (await letters())[0]?.state === 'resolved', { limitMs: 60_000, what: 'it is resolved' });
    expect(await written()).toBe(1);
    await until(isIdle, { limitMs: 30_000, what: 'the retries end' });
  });

  it('retries everything once, although the worker is replaced meanwhile', async () => {
    await load(60, refused);
    await push();
    expect(await depth()).toBe(60);
    await load(60, mended);
    expect(
      (await world.send('POST', `${path}/dead-letters/retry`, { json: { cause: (await causes())[0] } })).json,
    ).toEqual({
      retrying: 60,
    });
    await until(async () => (await written()) >= 5, { limitMs: 60_000, what: 'the retry is under way' });
    await world.restartWorker();
    await until(async () => (await depth()) === 0, { limitMs: 120_000, what: 'everything is retried' });
    expect(await written()).toBe(60);
    expect(await letters('?state=resolved&limit=200')).toHaveLength(60);
    await until(isIdle, { limitMs: 60_000, what: 'the retries end' });
  });

  const causes = async () => {
    const { json } = await world.send('GET', `${path}/dead-letters/groups`);
    return (json['data'] as readonly { readonly cause: string }[]).map(({ cause }) => cause);
  };

  it('has a dead event handled again when its entry is retried', async () => {
    const eventId = uuidv7();
    await world.database.admin`
      insert into webhook_events (id, provider, endpoint, event_key, type, environment, external_account_id, partition, body, state, attempts, error_code)
      select ${eventId}, provider, 'app', ${eventId}, 'a.type', environment, external_account_id, 2, '{}', 'dead', 10, 'internal'
      from connections where id = ${connectionId}`;
    await world.database
      .admin`select record_event_dead_letters(${JSON.stringify([{ id: eventId, code: 'internal', message: 'x' }])}::text::jsonb)`;
    const [letter] = await letters('?source=event');
    await world.send('POST', `${path}/dead-letters/${letter?.id ?? ''}/retry`);
    await until(async () => (await letters())[0]?.state === 'resolved', { limitMs: 60_000, what: 'it is resolved' });
    expect((await world.send('GET', `${path}/events/${eventId}`)).json).toMatchObject({ state: 'ignored' });
  });
});
