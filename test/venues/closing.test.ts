import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closeVenueWorkflowId, CLOSING_PROGRESS_QUERY } from '../../contracts/venues.ts';
import type { VenueId } from '../../contracts/ids.ts';
import { REGISTRIES } from '../../providers/registry.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { until } from '../support/eventually.ts';
import { stripeSandboxOf } from '../support/sandbox/stripe-account.ts';
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
async function rowsOf(venueId: string): Promise<Readonly<Record<string, number>>> {
  const tables = await world.database.admin<{ name: string }[]>`
    select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attname = 'venue_id' and not a.attisdropped`;
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const [row] = await world.database.admin.unsafe<{ count: number }[]>(
      `select count(*)::int as count from ${name} where venue_id = '${venueId}'`,
    );
    if (row && row.count > 0) counts[name] = row.count;
  }
  return counts;
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
    expect(await rowsOf(venueId)).toEqual({ audit_log: 3 });
  });

  it('leaves nothing but audit rows of a connection, its schedules, records and runs', async () => {
    const account = await stripe().addAccount();
    await account.seed(30);
    const connectionId = await connect(venueId, account.secretKey);
    await finished(venueId, await pull(venueId, connectionId));
    await send('POST', `/v1/venues/${venueId}/records/customers/batch`, {
      json: { records: [{ sourceId: 'own', name: 'Own' }] },
    });
    const before = await rowsOf(venueId);
    expect(before).toMatchObject({
      customers: 31,
      record_links: 30,
      venue_api_keys: 1,
      sync_runs: expect.any(Number) as number,
    });
    expect(await send('DELETE', `/v1/venues/${venueId}`)).toMatchObject({ status: 202 });
    await gone(venueId);
    expect(Object.keys(await rowsOf(venueId))).toEqual(['audit_log']);
    const running = [];
    for await (const one of world.temporal.workflow.list({
      query: `VenueId = '${venueId}' AND ExecutionStatus = 'Running' AND WorkflowType != 'closeVenue'`,
    }))
      running.push(one.type);
    expect(running).toEqual([]);
    const schedules = [];
    for await (const { scheduleId } of world.temporal.schedule.list()) schedules.push(scheduleId);
    expect(schedules.filter((id) => id.includes(connectionId))).toEqual([]);
    const [closed] = await world.database.admin<{ actor: string; details: Record<string, number> }[]>`
      select actor, details from audit_log where venue_id = ${venueId} and action = 'venue.closed'`;
    expect(closed).toMatchObject({ actor: 'test', details: { disconnected: 1, shredded: 0 } });
    expect(closed?.details['erased']).toBeGreaterThan(60);
    expect(await handleOf(venueId).query(CLOSING_PROGRESS_QUERY)).toMatchObject({ step: 'closed', disconnected: 1 });
  });
});
