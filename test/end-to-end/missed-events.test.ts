import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SWEEP_CONNECTIONS, repairGapsWorkflowId } from '../../contracts/inbox.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { REGISTRIES } from '../../providers/registry.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { STRIPE_SECRET, signed } from '../api/webhooks/webhook-deliveries.ts';
import { until } from '../support/eventually.ts';
import { sandboxControl } from '../support/sandbox/sandbox-control.ts';
import { createServiceWorld } from '../support/worlds/service-world.ts';
import type { ServiceWorld } from '../support/worlds/service-world.ts';

// Longer than the waits of a test together.
describe('events that never arrived, through the whole service', { timeout: 180_000 }, () => {
  let sandbox: Awaited<ReturnType<typeof startStripeSandbox>>;
  let world: ServiceWorld;

  beforeAll(async () => {
    sandbox = await startStripeSandbox({ limits: { requestsPerSecond: 0 } });
    const env = { STRIPE_API_URL: sandbox.apiUrl, STRIPE_WEBHOOK_SECRET: STRIPE_SECRET };
    world = await createServiceWorld({ registries: REGISTRIES, env });
  });
  afterAll(async () => {
    await world.close();
    await sandbox.close();
  });

  const stripe = async (method: 'GET' | 'POST', path: string, form: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(`${sandbox.apiUrl}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${sandbox.secretKey}` },
      ...(method === 'POST' && { body: new URLSearchParams(form) }),
    });
    return (await response.json()) as { readonly data: readonly object[] };
  };

  it('are fetched by the sweep over connections and change their records', async () => {
    const venue = await world.send('POST', '/v1/venues', {
      json: { name: 'A venue', timeZone: 'Europe/Berlin', currency: 'EUR' },
    });
    const path = `/v1/venues/${String(venue.json['id'])}`;
    const { json: connection } = await world.send('POST', `${path}/connections`, {
      json: { provider: 'stripe', environment: 'sandbox', credentials: { secretKey: sandbox.secretKey } },
    });
    const connectionId = connection['id'] as ConnectionRef['connectionId'];
    const started = await world.send('POST', `${path}/syncs`, {
      json: { connectionId, resource: 'customers', direction: 'pull', mode: 'full' },
    });
    const run = async () => (await world.send('GET', `${path}/syncs/${String(started.json['id'])}`)).json;
    await until(async () => (await run())['outcome'] === 'completed', { limitMs: 60_000, what: 'the pull ends' });

    // Both happened some minutes ago, so that neither may still be on its way.
    await world.database.admin`update connections set created_at = now() - interval '1 hour'`;
    await sandboxControl(sandbox.controlUrl).clock(-600_000);
    await stripe('POST', 'customers', { name: 'Delivered' });
    await stripe('POST', 'customers', { name: 'Lost' });
    const [, delivered] = (await stripe('GET', 'events?limit=10')).data;
    const account = (connection['account'] as { readonly id: string }).id;
    const body = JSON.stringify({ ...delivered, account });
    const answer = await world.send('POST', '/webhooks/stripe', {
      anonymous: true,
      body,
      headers: { 'content-type': 'application/json', ...signed('stripe', body) },
    });
    expect(answer.status).toBe(200);

    const { workflow } = world.temporal;
    const swept: unknown = await workflow.execute(SWEEP_CONNECTIONS, {
      workflowId: 'a-sweep',
      taskQueue: WORKFLOW_QUEUE,
    });
    expect(swept).toEqual({ compared: 1, runs: 0, stale: 0, settled: 0 });
    const repair = workflow.getHandle(repairGapsWorkflowId({ connectionId }));
    expect(await repair.result()).toEqual({ missed: 1 });
    const records = async () => (await world.send('GET', `${path}/records/customers`)).json['data'];
    const names = async () => ((await records()) as { readonly name: string }[]).map(({ name }) => name).toSorted();
    await until(async () => (await names()).length === 2, { limitMs: 60_000, what: 'the lost event is applied' });
    expect(await names()).toEqual(['Delivered', 'Lost']);
    expect((await world.send('GET', `${path}/events?origin=feed`)).json['data']).toMatchObject([
      { type: 'customer.created', origin: 'feed' },
    ]);
  });
});
