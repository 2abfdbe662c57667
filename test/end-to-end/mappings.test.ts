import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reprojectWorkflowId } from '../../contracts/mappings.ts';
import type { ConnectionId } from '../../contracts/ids.ts';
import { REGISTRIES } from '../../providers/registry.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { until } from '../support/eventually.ts';
import { createServiceWorld } from '../support/worlds/service-world.ts';
import type { ServiceWorld } from '../support/worlds/service-world.ts';

describe('a field mapping through the whole service', () => {
  let sandbox: Awaited<ReturnType<typeof startStripeSandbox>>;
  let world: ServiceWorld;
  let path: string;
  let connectionId: ConnectionId;

  beforeAll(async () => {
    sandbox = await startStripeSandbox({ limits: { requestsPerSecond: 0 } });
    world = await createServiceWorld({ registries: REGISTRIES, env: { STRIPE_API_URL: sandbox.apiUrl } });
    const venue = await world.send('POST', '/v1/venues', {
      json: { name: 'A venue', timeZone: 'Europe/Berlin', currency: 'EUR' },
    });
    path = `/v1/venues/${String(venue.json['id'])}`;
    const connected = await world.send('POST', `${path}/connections`, {
      json: { provider: 'stripe', environment: 'sandbox', credentials: { secretKey: sandbox.secretKey } },
    });
    connectionId = connected.json['id'] as ConnectionId;
  });
  afterAll(async () => {
    await world.close();
    await sandbox.close();
  });

  async function sync(direction: 'push' | 'pull'): Promise<void> {
    const started = await world.send('POST', `${path}/syncs`, {
      json: { connectionId, resource: 'customers', direction, mode: 'full' },
    });
    const isDone = async () =>
      (await world.send('GET', `${path}/syncs/${String(started.json['id'])}`)).json['outcome'] === 'completed';
    await until(isDone, { limitMs: 30_000, what: 'the run completes' });
  }

  const stripeCustomer = async () => {
    const response = await fetch(`${sandbox.apiUrl}/v1/customers`, {
      headers: { authorization: `Bearer ${sandbox.secretKey}` },
    });
    return ((await response.json()) as { data: { id: string; phone: string | null }[] }).data[0];
  };
  const mappingPath = () => `${path}/connections/${connectionId}/mappings/customers`;

  it('is tried, saved, applied to every record by a durable run, and rolled back likewise', async () => {
    const record = { sourceId: 'c-1', name: 'Ada', phone: '1', metadata: { mobile: '2' } };
    await world.send('POST', `${path}/records/customers/batch`, { json: { records: [record] } });
    await sync('push');
    expect(await stripeCustomer()).toMatchObject({ phone: '1' });

    const tooLong = await world.send('PUT', mappingPath(), {
      json: { fields: [{ target: 'phone', expression: '$join($map([1..30], function($i) { $string($i) }))' }] },
    });
    expect(tooLong).toMatchObject({ status: 422, json: { code: 'mapping-refused' } });

    const saved = await world.send('PUT', mappingPath(), {
      json: { fields: [{ target: 'phone', source: 'metadata.mobile' }] },
    });
    expect(saved).toMatchObject({ status: 200, json: { trial: { outcome: 'accepted' } } });
    await untilReprojected();
    expect(await stripeCustomer()).toMatchObject({ phone: '2' });
    const { workflow } = world.temporal;
    await workflow.getHandle(reprojectWorkflowId(connectionId, 'customers')).result();

    await world.send('POST', `${mappingPath()}/rollback`, { json: { version: 0 } });
    await untilReprojected();
    expect(await stripeCustomer()).toMatchObject({ phone: '1' });
  });

  async function untilReprojected(): Promise<void> {
    const isReprojected = async () => (await world.send('GET', mappingPath())).json['reprojectedAt'] !== null;
    await until(isReprojected, { limitMs: 30_000, what: 'every record is written again' });
  }
});
