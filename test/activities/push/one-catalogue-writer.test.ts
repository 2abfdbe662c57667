import { ActivityNotFoundError } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSyncChunkActivities } from '../../../activities/sync/sync-chunk.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { createBudgetStore } from '../../../db/budgets/budget-store.ts';
import type { BudgetStore } from '../../../db/budgets/budget-store.ts';
import { createWorkerPresence } from '../../../db/runs/worker-presence.ts';
import { watchForLostWorkers } from '../../../worker/lost-workers.ts';
import { until } from '../../support/eventually.ts';
import type { SquareMerchant } from '../../support/sandbox/square-merchant.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aProduct, createSquareSyncWorld } from './square-world.ts';
import type { SquareSyncWorld } from './square-world.ts';

let world: SquareSyncWorld;
let budget: BudgetStore;
let merchant: SquareMerchant;
beforeAll(async () => {
  world = await createSquareSyncWorld();
  budget = createBudgetStore(world.database.db);
});
afterAll(() => world.close());
beforeEach(async () => {
  world.proxy.edit(null);
  await world.square.limits({ latencyMs: 0 });
  merchant = await world.square.addMerchant();
});

/** Another venue's connection to the seller, with products that the seller does not have yet. */
async function aConnection(to: SquareMerchant, products: number): Promise<TestVenue> {
  const { venueId } = await world.aVenue(to.token);
  await world.products.upsertMany(
    venueId,
    Array.from({ length: products }, (_, index) => aProduct(index)),
  );
  return world.connect(venueId, { secretKey: to.token, id: to.id });
}
const push = (connection: TestVenue) => world.sync(connection, 'push', 'full', { resource: 'products' });
const catalogueKey = ({ id }: SquareMerchant) => `square/sandbox/${id}/catalogue`;
const leasesOn = (key: string) =>
  world.database.admin`select holder, worker_key, task_token from provider_leases where key = ${key}`;
/** Calls that write the catalogue, also those that Square has refused, in the order of their arrival. */
const catalogueWrites = async (of: SquareMerchant) =>
  (await of.calls())
    .filter(({ method, path }) => method === 'DELETE' || /^\/v2\/catalog\/(object|batch-upsert)$/.test(path))
    .toSorted((one, other) => one.at - other.at);

describe('two connections of one seller', () => {
  it('that push products at once never write the catalogue at the same time, and both end', async () => {
    await world.square.limits({ latencyMs: 100 });
    const connections = [await aConnection(merchant, 1_500), await aConnection(merchant, 1_500)];
    const runs = await Promise.all(connections.map(push));
    expect(runs).toMatchObject([
      { outcome: 'completed', counts: { created: 1_500 } },
      { outcome: 'completed', counts: { created: 1_500 } },
    ]);
    const writes = await catalogueWrites(merchant);
    // Two batches each, and the definition of the attribute with our reference.
    expect(writes).toHaveLength(5);
    const overlapping = writes.filter((one, index) => index > 0 && one.at < (writes[index - 1]?.answeredAt ?? 0));
    expect(overlapping).toEqual([]);
    expect(await leasesOn(catalogueKey(merchant))).toEqual([]);
  });
});

describe('the push of one seller', () => {
  it('does not wait while another seller’s catalogue is written', async () => {
    const other = await world.square.addMerchant();
    await budget.acquireLease(catalogueKey(other), { holder: 'another run', slots: 1, maxSlots: 1, ttlMs: 600_000 });
    expect(await push(await aConnection(merchant, 3))).toMatchObject({ outcome: 'completed', counts: { created: 3 } });
  });

  it('beats and writes nothing while another run writes, and goes on when that run leaves', async () => {
    const input = await world.open(await aConnection(merchant, 3), 'push', 'full', { resource: 'products' });
    const held = await budget.acquireLease(catalogueKey(merchant), {
      ...{ holder: 'another run', slots: 1, maxSlots: 1, ttlMs: 600_000 },
    });
    await world.begin(input);
    const stage = world.aStage();
    let beats = 0;
    stage.on('heartbeat', () => {
      beats += 1;
    });
    const chunk = world.chunk(input, stage);
    await until(async () => (await leasesOn(`${catalogueKey(merchant)}/next`)).length === 1, {
      limitMs: 20_000,
      what: 'the run waits',
    });
    await until(() => beats > 0, { limitMs: 20_000, what: 'the waiting chunk has sent a heartbeat' });
    expect(await catalogueWrites(merchant)).toEqual([]);
    await budget.releaseLease(held?.id ?? '');
    expect(await chunk).toMatchObject({ status: 'done', counts: { created: 3 } });
  });

  it('goes on when the worker that held the catalogue is killed', async () => {
    const [killed, living] = await Promise.all([
      createWorkerPresence(world.database.url),
      createWorkerPresence(world.database.url),
    ]);
    const stopped = new AbortController();
    const failed: string[] = [];
    const watching = watchForLostWorkers({
      presence: living,
      log: world.deps.log,
      stopped: stopped.signal,
      activities: {
        fail: (token: unknown) => {
          failed.push((token as Buffer).toString('utf8'));
          // The lease of its calls names the same attempt, which has been failed already.
          return failed.length > 1 ? Promise.reject(new ActivityNotFoundError('over')) : Promise.resolve();
        },
      },
    });
    try {
      const holder = {
        holder: 'a run',
        task: { workerKey: killed.workerKey, token: Buffer.from('its attempt').toString('base64') },
      };
      const lease = { ...holder, slots: 1, maxSlots: 8, ttlMs: 600_000 };
      await budget.acquireLease(`square/sandbox/${merchant.id}`, lease);
      await budget.acquireLease(catalogueKey(merchant), { ...lease, maxSlots: 1 });
      const run = push(await aConnection(merchant, 3));
      await until(async () => (await leasesOn(`${catalogueKey(merchant)}/next`)).length === 1, {
        limitMs: 20_000,
        what: 'the run waits',
      });
      // Postgres frees a killed process's lock when its session ends.
      await killed.close();
      expect(await run).toMatchObject({ outcome: 'completed', counts: { created: 3 } });
      expect(new Set(failed)).toEqual(new Set(['its attempt']));
    } finally {
      stopped.abort();
      await Promise.all([watching, living.close(), killed.close()]);
    }
  });

  it('names its worker and its attempt in the lease, so that others see when it is killed', async () => {
    const { syncChunk } = createSyncChunkActivities({ ...world.deps, workerKey: 7 });
    const input: SyncConnectionInput = await world.open(await aConnection(merchant, 3), 'push', 'full', {
      resource: 'products',
    });
    await world.begin(input);
    const seen: unknown[] = [];
    world.proxy.edit(async ({ path }) => {
      if (path === '/v2/catalog/batch-upsert') seen.push(...(await leasesOn(catalogueKey(merchant))));
    });
    const stage = world.aStage({ base64TaskToken: 'dG9rZW4=' });
    expect(await stage.run(syncChunk, input)).toMatchObject({ status: 'done' });
    expect(seen).toEqual([{ holder: input.syncId, worker_key: 7, task_token: 'dG9rZW4=' }]);
  });
});
