import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { aConnection } from '../../db/builders.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let connectionId: ConnectionId;
let path: string;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  connectionId = (await aConnection(api.database.db, venueId)).id;
  path = `/v1/venues/${venueId}/syncs`;
});

const sync = { resource: 'customers', direction: 'push', mode: 'incremental' } as const;
const start = (changes: object = {}) => api.send('POST', path, { json: { connectionId, ...sync, ...changes } });
const openRetry = async () =>
  (
    await api.runs.openOrJoin({
      ...{ venueId, connectionId, provider: 'stripe', ...sync },
      ...{ deadLettersOnly: true, requestedBy: 'retryDeadLetters' },
    })
  ).run;

describe('a run that retries dead letters', () => {
  it('is not joined by a request for the same sync, which answers 409, names it, and starts nothing', async () => {
    const retry = await openRetry();
    const answer = await start();
    expect(answer).toMatchObject({ status: 409, json: { code: 'sync-already-open' } });
    expect(answer.text).toContain(retry.id);
    expect(api.gateway.started.filter(({ id }) => id === retry.id)).toEqual([]);
    expect((await api.send('GET', path)).json.data.map(({ id }) => id)).toEqual([retry.id]);
  });

  it('is in no other sync’s way, and in none once it has ended', async () => {
    const retry = await openRetry();
    expect(await start({ direction: 'pull' })).toMatchObject({ status: 202, json: { deadLettersOnly: false } });
    expect(await start({ dryRun: true })).toMatchObject({ status: 202 });
    await api.database.admin`
      update sync_runs set phase = 'finished', outcome = 'completed', finished_at = now() where id = ${retry.id}`;
    expect(await start()).toMatchObject({ status: 202, json: { deadLettersOnly: false } });
  });

  it('says so where runs are read and listed', async () => {
    const retry = await openRetry();
    expect((await api.send('GET', `${path}/${retry.id}`)).json).toMatchObject({ deadLettersOnly: true });
    expect((await api.send('GET', path)).json.data).toMatchObject([{ id: retry.id, deadLettersOnly: true }]);
  });
});
