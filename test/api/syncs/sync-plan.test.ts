import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { aConnection } from '../../db/builders.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { syncRequests } from './sync-requests.ts';

let api: ApiWorld;
let venueId: VenueId;
let connectionId: ConnectionId;
let path: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  api.gateway.away = false;
  venueId = await api.aVenue();
  connectionId = (await aConnection(api.database.db, venueId)).id;
  path = `/v1/venues/${venueId}/syncs`;
});

const { start, inputOf, end } = syncRequests(() => ({ api, venueId, connectionId }));

interface PlanBody {
  readonly counts: Readonly<Record<string, number>>;
  readonly samples: Readonly<Record<string, readonly { readonly sourceId: string; readonly detail: string }[]>>;
  readonly expiresAt: string;
}

/** A dry run with a plan as the engine leaves it: `count` items, three of four creates. */
async function aPlan({ count = 8, outcome = 'completed', changes = {} } = {}): Promise<string> {
  const { id } = (await start({ dryRun: true, ...changes })).json;
  await api.database.admin`
    insert into sync_plan_items (venue_id, sync_id, key, action, source_id, detail)
    select ${venueId}, ${id}, 'k' || n, case when n % 4 = 0 then 'update' else 'create' end, 's' || n, 'email' from generate_series(0, ${count - 1}::int) n order by n`;
  const plan = { calls: 12, seconds: 1.5 };
  await api.progress.finish(inputOf(id), { outcome: outcome as 'completed', error: null, plan, watermark: null });
  return id;
}

describe('the plan of a dry run', () => {
  const planOf = async (id: string) => api.send('GET', `${path}/${id}/plan`);

  it('counts, samples and estimates what a run would do, and shows how long it is valid', async () => {
    const id = await aPlan({ count: 100 });
    const answer = await planOf(id);
    expect(answer).toMatchObject({
      status: 200,
      json: {
        syncId: id,
        counts: { create: 75, update: 25, archive: 0, skip: 0, reject: 0, conflict: 0 },
        estimate: { calls: 12, seconds: 1.5 },
      },
    });
    const { samples, expiresAt } = answer.json as unknown as PlanBody;
    expect(Object.fromEntries(Object.entries(samples).map(([action, list]) => [action, list.length]))).toEqual({
      create: 20,
      update: 20,
      archive: 0,
      skip: 0,
      reject: 0,
      conflict: 0,
    });
    expect(samples['update']?.[1]).toEqual({ recordId: null, sourceId: 's4', externalId: null, detail: 'email' });
    const { finishedAt } = (await api.send('GET', `${path}/${id}`)).json as unknown as { finishedAt: string };
    expect(Date.parse(expiresAt) - Date.parse(finishedAt)).toBe(86_400_000);
  });

  it('is listed record by record, by action, page by page', async () => {
    const id = await aPlan({ count: 12 });
    const first = await api.send('GET', `${path}/${id}/plan/items?action=update&limit=2`);
    const second = await api.send(
      'GET',
      `${path}/${id}/plan/items?action=update&limit=2&cursor=${first.json.nextCursor ?? ''}`,
    );
    expect([...first.json.data, ...second.json.data].map(({ action, sourceId }) => [action, sourceId])).toEqual([
      ['update', 's0'],
      ['update', 's4'],
      ['update', 's8'],
    ]);
    expect(second.json.nextCursor).toBeNull();
    expect((await api.send('GET', `${path}/${id}/plan/items`)).json.data).toHaveLength(12);
    expect(await api.send('GET', `${path}/${id}/plan/items?action=delete`)).toMatchObject({
      status: 400,
      json: { errors: [{ path: 'action' }] },
    });
  });

  it.each(['', '/items'])(
    'is 404 (/plan%s) for a run that was not dry, and before the dry run has read everything',
    async (rest) => {
      const real = await start();
      expect(await api.send('GET', `${path}/${real.json.id}/plan${rest}`)).toMatchObject({
        status: 409,
        json: { code: 'not-a-dry-run' },
      });
      const dry = await start({ dryRun: true });
      expect(await api.send('GET', `${path}/${dry.json.id}/plan${rest}`)).toMatchObject({
        status: 409,
        json: { code: 'plan-not-ready' },
      });
      await end(dry.json.id, 'cancelled');
      expect(await api.send('GET', `${path}/${dry.json.id}/plan${rest}`)).toMatchObject({
        status: 409,
        json: { code: 'plan-not-ready' },
      });
    },
  );
});

describe('carrying a plan out', () => {
  it('happens by default for the newest plan: the run shows it, tells its workflow, and counts deviations', async () => {
    await aPlan();
    const planId = await aPlan();
    const run = await start();
    expect(run).toMatchObject({ status: 202, json: { plan: { id: planId, deviations: 0 } } });
    expect(api.gateway.started.find(({ id }) => id === run.json.id)).toMatchObject({ planId });
    await api.database.admin`update sync_runs set deviation_count = 3 where id = ${run.json.id}`;
    expect((await api.send('GET', `${path}/${run.json.id}`)).json).toMatchObject({
      plan: { id: planId, deviations: 3 },
    });
  });

  it('happens for the plan that the request names, or the run is not started', async () => {
    const planId = await aPlan();
    await aPlan();
    const failed = await aPlan({ outcome: 'failed' });
    for (const wrong of [failed, '019a0000-0000-7000-8000-000000000000'])
      expect(await start({ planId: wrong })).toMatchObject({ status: 409, json: { code: 'plan-not-usable' } });
    expect(await start({ planId, mode: 'incremental' })).toMatchObject({
      status: 409,
      json: { code: 'plan-not-usable' },
    });
    expect(await start({ planId })).toMatchObject({ status: 202, json: { plan: { id: planId } } });
  });

  it('never happens for a plan of another venue', async () => {
    const planId = await aPlan();
    const otherVenue = await api.aVenue();
    const order = {
      connectionId: (await aConnection(api.database.db, otherVenue)).id,
      resource: 'customers',
      direction: 'push',
      mode: 'full',
    };
    expect(await api.send('POST', `/v1/venues/${otherVenue}/syncs`, { json: { ...order, planId } })).toMatchObject({
      status: 409,
      json: { code: 'plan-not-usable' },
    });
    expect(await api.send('POST', `/v1/venues/${otherVenue}/syncs`, { json: order })).toMatchObject({
      status: 202,
      json: { plan: null },
    });
  });
});
