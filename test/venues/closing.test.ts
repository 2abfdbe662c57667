import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closeVenueWorkflowId, CLOSING_PROGRESS_QUERY } from '../../contracts/venues.ts';
import type { VenueId } from '../../contracts/ids.ts';
import { REGISTRIES } from '../../providers/registry.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { rowsOf } from '../db/closing/full-venue.ts';
import { until } from '../support/eventually.ts';
import { LATER_PAGES_WAIT, stripeSandboxOf } from '../support/sandbox/stripe-account.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';
import type { WebhookReceiver } from '../support/webhook-receiver.ts';
import { createServiceWorld } from '../support/worlds/service-world.ts';
import type { Sent, ServiceWorld } from '../support/worlds/service-world.ts';

let sandbox: Awaited<ReturnType<typeof startStripeSandbox>>;
let world: ServiceWorld;
let receiver: WebhookReceiver;

beforeAll(async () => {
  [sandbox, receiver] = await Promise.all([
    startStripeSandbox({ limits: { requestsPerSecond: 0 } }),
    startWebhookReceiver(),
  ]);
  world = await createServiceWorld({
    registries: REGISTRIES,
    env: { STRIPE_API_URL: sandbox.apiUrl, ALLOW_LOOPBACK_RECEIVERS: 'true' },
  });
}, 120_000);
afterAll(async () => {
  await world.close();
  await Promise.all([sandbox.close(), receiver.close()]);
});

const stripe = () => stripeSandboxOf(sandbox);
const send = (...args: Parameters<ServiceWorld['send']>): Promise<Sent> => world.send(...args);
const idOf = ({ json, status, text }: Sent): string => {
  expect(status, text).toBeLessThan(300);
  return String(json['id']);
};
const aVenue = async () =>
  idOf(await send('POST', '/v1/venues', { json: { name: 'A venue', timeZone: 'Europe/Berlin', currency: 'EUR' } }));
const connect = async (venueId: string, secretKey: string) =>
  idOf(
    await send('POST', `/v1/venues/${venueId}/connections`, {
      json: { provider: 'stripe', environment: 'sandbox', credentials: { secretKey } },
    }),
  );
const pull = async (venueId: string, connectionId: string) =>
  idOf(
    await send('POST', `/v1/venues/${venueId}/syncs`, {
      json: { connectionId, resource: 'customers', direction: 'pull', mode: 'full' },
    }),
  );
const handleOf = (venueId: string) => world.temporal.workflow.getHandle(closeVenueWorkflowId(venueId as VenueId));
const gone = (venueId: string, limitMs = 60_000) =>
  until(async () => (await send('GET', `/v1/venues/${venueId}`)).status === 404, {
    limitMs,
    what: 'the venue is gone',
    everyMs: 100,
  });
const finished = (venueId: string, syncId: string) =>
  until(async () => (await send('GET', `/v1/venues/${venueId}/syncs/${syncId}`)).json['phase'] === 'finished', {
    limitMs: 60_000,
    what: 'the run is over',
    everyMs: 100,
  });

/** Rows of the venue by table, without tables that have none. */
async function remaining(venueId: string): Promise<Readonly<Record<string, number>>> {
  return Object.fromEntries(
    Object.entries(await rowsOf(world.database.admin, venueId)).filter(([, count]) => count > 0),
  );
}
/** The types of the venue's running workflows, but for the closing itself. */
async function workflowsOf(venueId: string): Promise<readonly string[]> {
  const types: string[] = [];
  const query = `VenueId = '${venueId}' AND ExecutionStatus = 'Running' AND WorkflowType != 'closeVenue'`;
  for await (const { type } of world.temporal.workflow.list({ query })) types.push(type);
  return types;
}

describe('a venue that is closed', () => {
  let venueId: string;
  beforeEach(async () => {
    venueId = await aVenue();
  });

  it('answers 202, then 404, when it has nothing, and its workflow says so', async () => {
    const closing = await send('DELETE', `/v1/venues/${venueId}`);
    expect(closing).toMatchObject({ status: 202, json: { id: venueId } });
    expect(closing.json['closingSince']).toEqual(expect.any(String));
    await gone(venueId);
    expect(await handleOf(venueId).result()).toEqual({ disconnected: 0, shredded: 0, erased: 0 });
    expect(await send('DELETE', `/v1/venues/${venueId}`)).toMatchObject({ status: 404 });
    expect(await remaining(venueId)).toEqual({ audit_log: 3 });
  });

  it('leaves nothing but audit rows of a connection, its schedules, records and runs', async () => {
    const account = await stripe().addAccount();
    await account.seed(30);
    const connectionId = await connect(venueId, account.secretKey);
    await finished(venueId, await pull(venueId, connectionId));
    await send('POST', `/v1/venues/${venueId}/records/customers/batch`, {
      json: { records: [{ sourceId: 'own', name: 'Own' }] },
    });
    const before = await remaining(venueId);
    expect(before).toMatchObject({
      customers: 31,
      record_links: 30,
      venue_api_keys: 1,
      sync_runs: expect.any(Number) as number,
    });
    expect(await send('DELETE', `/v1/venues/${venueId}`)).toMatchObject({ status: 202 });
    await gone(venueId);
    expect(Object.keys(await remaining(venueId))).toEqual(['audit_log']);
    expect(await workflowsOf(venueId)).toEqual([]);
    const schedules = [];
    for await (const { scheduleId } of world.temporal.schedule.list()) schedules.push(scheduleId);
    expect(schedules.filter((id) => id.includes(connectionId))).toEqual([]);
    const [closed] = await world.database.admin<{ actor: string; details: Record<string, number> }[]>`
      select actor, details from audit_log where venue_id = ${venueId} and action = 'venue.closed'`;
    expect(closed).toMatchObject({ actor: 'test', details: { disconnected: 1, shredded: 0 } });
    expect(closed?.details['erased']).toBeGreaterThan(60);
    expect(await handleOf(venueId).query(CLOSING_PROGRESS_QUERY)).toMatchObject({ step: 'closed', disconnected: 1 });
  });

  it('cancels a run in progress, which writes nothing afterwards', async () => {
    const account = await stripe().addAccount();
    await account.seed(2_000);
    const connectionId = await connect(venueId, account.secretKey);
    await account.fault(LATER_PAGES_WAIT);
    const syncId = await pull(venueId, connectionId);
    const run = () => send('GET', `/v1/venues/${venueId}/syncs/${syncId}`);
    await until(async () => ((await run()).json['progress'] as { done: number }).done > 0, {
      limitMs: 30_000,
      what: 'the run has begun to read',
    });
    const { workflowId } = (await run()).json as { readonly workflowId: string };
    await send('DELETE', `/v1/venues/${venueId}`);
    await gone(venueId);
    expect((await world.temporal.workflow.getHandle(workflowId).describe()).status.name).not.toBe('RUNNING');
    const calls = (await account.calls()).length;
    expect(Object.keys(await remaining(venueId))).toEqual(['audit_log']);
    expect((await account.calls()).length).toBe(calls);
  });

  it('leaves another venue of the same account with its connection, records and runs', async () => {
    const account = await stripe().addAccount();
    await account.seed(20);
    const other = await aVenue();
    const [here, there] = [await connect(venueId, account.secretKey), await connect(other, account.secretKey)];
    await finished(venueId, await pull(venueId, here));
    await finished(other, await pull(other, there));
    const before = await remaining(other);
    await send('DELETE', `/v1/venues/${venueId}`);
    await gone(venueId);
    expect(await remaining(other)).toMatchObject({
      customers: before['customers'],
      record_links: before['record_links'],
      venue_api_keys: 1,
      connections: 1,
    });
    expect((await send('GET', `/v1/venues/${other}/connections/${there}`)).json).toMatchObject({ state: 'active' });
    const again = await pull(other, there);
    await finished(other, again);
    expect((await send('GET', `/v1/venues/${other}/syncs/${again}`)).json).toMatchObject({ outcome: 'completed' });
  });

  it('tells its subscribers that the connection is disconnected, and nothing later', async () => {
    const account = await stripe().addAccount();
    const connectionId = await connect(venueId, account.secretKey);
    expect(await send('POST', `/v1/venues/${venueId}/subscriptions`, { json: { url: receiver.url } })).toMatchObject({
      status: 201,
    });
    await send('DELETE', `/v1/venues/${venueId}`);
    await gone(venueId);
    expect(receiver.received.map(({ body }) => [body.type, body.data['connectionId']])).toEqual([
      ['connection.disconnected', connectionId],
    ]);
    expect(Object.keys(await remaining(venueId))).toEqual(['audit_log']);
  });

  it('is not kept by a receiver that fails: the delivery that waits for its next attempt is cancelled', async () => {
    receiver.answer({ status: 500 });
    try {
      await connect(venueId, (await stripe().addAccount()).secretKey);
      await send('POST', `/v1/venues/${venueId}/subscriptions`, { json: { url: receiver.url } });
      await send('DELETE', `/v1/venues/${venueId}`);
      await until(async () => (await workflowsOf(venueId)).includes('deliverWebhooks'), {
        limitMs: 30_000,
        what: 'it is delivered',
        everyMs: 50,
      });
      await gone(venueId);
      expect(await workflowsOf(venueId)).toEqual([]);
    } finally {
      receiver.answer({ status: 204 });
    }
  });

  it('takes no webhook of its connections any more, at their own address', async () => {
    const account = await stripe().addAccount();
    const connectionId = await connect(venueId, account.secretKey);
    const made = await send('POST', `/v1/venues/${venueId}/connections/${connectionId}/webhook-endpoint`);
    const { pathname } = new URL(String(made.json['url']));
    const post = () =>
      send('POST', pathname, {
        anonymous: true,
        body: '{}',
        headers: { 'stripe-signature': `t=${Math.floor(Date.now() / 1_000)},v1=${'0'.repeat(64)}` },
      });
    const unknown = { status: 404, json: { detail: 'No such address.' } };
    expect(await post()).not.toMatchObject(unknown);
    await send('DELETE', `/v1/venues/${venueId}`);
    await gone(venueId);
    expect(await post()).toMatchObject(unknown);
    expect(await world.database.admin`select 1 from webhook_events where endpoint = ${connectionId}`).toEqual([]);
  });

  it('is closed by one workflow when several ask at once, and once more while it is at work', async () => {
    await connect(venueId, (await stripe().addAccount()).secretKey);
    const answers = await Promise.all(Array.from({ length: 4 }, () => send('DELETE', `/v1/venues/${venueId}`)));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(new Set(answers.map(({ json }) => json['closingSince'])).size).toBe(1);
    await gone(venueId);
    const runs = [];
    for await (const { runId } of world.temporal.workflow.list({
      query: `WorkflowId = '${closeVenueWorkflowId(venueId as VenueId)}'`,
    }))
      runs.push(runId);
    expect(runs).toHaveLength(1);
    expect(
      await world.database.admin`select 1 from audit_log where venue_id = ${venueId} and action = 'venue.closed'`,
    ).toHaveLength(1);
  });

  it('goes on after a restart of the worker in the middle of the erasure, in batches', async () => {
    await world.database.admin`
      insert into customers (id, venue_id, source_id, name)
      select gen_random_uuid(), ${venueId}, 's' || n, 'A' from generate_series(1, 60000) n`;
    await send('DELETE', `/v1/venues/${venueId}`);
    const left = async () => (await remaining(venueId))['customers'] ?? 0;
    await until(async () => (await left()) < 60_000, { limitMs: 30_000, what: 'some are erased', everyMs: 10 });
    const before = await left();
    await world.restartWorker();
    expect(before).toBeGreaterThan(0);
    await gone(venueId, 90_000);
    expect(Object.keys(await remaining(venueId))).toEqual(['audit_log']);
    const { history } = { history: await handleOf(venueId).fetchHistory() };
    expect(JSON.stringify(history)).not.toMatch(/A venue|s59999/);
  }, 180_000);

  it('begins again when something was added while it was being erased', async () => {
    const { admin } = world.database;
    await admin`
      insert into customers (id, venue_id, source_id, name)
      select gen_random_uuid(), ${venueId}, 's' || n, 'A' from generate_series(1, 20000) n`;
    await send('DELETE', `/v1/venues/${venueId}`);
    // A load that was accepted before: its transaction ends after its table was erased.
    await admin.begin(async (tx) => {
      await tx`insert into customers (id, venue_id, source_id, name) values (gen_random_uuid(), ${venueId}, 'late', 'Late')`;
      await until(async () => (await admin`select 1 from customers where venue_id = ${venueId} limit 1`).length === 0, {
        limitMs: 30_000,
        what: 'the others are erased',
      });
    });
    await gone(venueId);
    expect(Object.keys(await remaining(venueId))).toEqual(['audit_log']);
  });
});
