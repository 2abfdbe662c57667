import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiWorld, pathsOf } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let schedules: string;

beforeAll(async () => {
  api = await createApiWorld();
  const venueId = await api.aVenue();
  schedules = `/v1/venues/${venueId}/connections/${await api.aConnection(venueId)}/schedules`;
});
afterAll(() => api.close());

const put = (json: object, resource = 'customers') => api.send('PUT', `${schedules}/${resource}`, { json });

describe('the input of a schedule', () => {
  const EVERY = 'Must be a whole number of s, m, h or d from 1m to 31d, such as 15m';

  it.each<[string, object, string[]]>([
    ['neither every nor cron', {}, ['every', 'cron']],
    ['both', { every: '1h', cron: '* * * * *' }, ['every', 'cron']],
    ['a zone without a clock', { every: '1h', timeZone: 'Europe/Berlin' }, ['timeZone']],
    ['jitter as long as the interval', { every: '5m', jitter: '5m' }, ['jitter']],
    ['jitter of more than an hour', { every: '1d', jitter: '2h' }, ['jitter']],
    ['a zone that nobody knows', { cron: '0 6 * * *', timeZone: 'Mars/Olympus' }, ['timeZone']],
    ['an offset for a zone', { cron: '0 6 * * *', timeZone: '+01:00' }, ['timeZone']],
    [
      'everything wrong at once',
      { every: 'soon', direction: 'up', paused: 'no', note: 'x'.repeat(201), at: 1 },
      ['at', 'direction', 'every', 'note', 'paused'],
    ],
  ])('is rejected field by field: %s', async (_, body, paths) => {
    const { status, json } = await put(body);
    expect([status, pathsOf(json.errors).sort()]).toEqual([400, [...paths].sort()]);
  });

  it.each(['59s', '0m', '32d', '1 h', '1.5h'])('allows an interval from a minute to 31 days, not %s', async (every) => {
    expect((await put({ every })).json.errors).toEqual([{ path: 'every', message: EVERY }]);
  });

  it('allows a cron expression that has a next time, and explains what is wrong with another', async () => {
    expect((await put({ cron: '0 25 * * *' })).json.errors).toEqual([
      { path: 'cron', message: 'Hour must be 0 to 23, as a value, a range (1-5), a step (*/2) or a list of these' },
    ]);
    expect((await put({ cron: '0 0 30 2 *' })).json.errors).toEqual([
      { path: 'cron', message: 'No month has this day' },
    ]);
    expect((await put({ cron: '0 6 * * * #comment' })).status).toBe(400);
  });

  it('allows a direction and a resource that the provider supports', async () => {
    expect(await put({ every: '1h', direction: 'push' }, 'transactions')).toMatchObject({
      status: 422,
      json: { code: 'direction-not-supported' },
    });
    expect(await put({ every: '1h', direction: 'both' }, 'transactions')).toMatchObject({
      status: 422,
      json: { code: 'direction-not-supported' },
    });
    expect(await put({ every: '1h', direction: 'both' })).toMatchObject({ json: { direction: 'both' } });
    expect(await put({ every: '1h' }, 'inventory')).toMatchObject({
      status: 422,
      json: { code: 'resource-not-supported' },
    });
    expect(await put({ every: '1h' }, 'guitars')).toMatchObject({ status: 404, json: { code: 'schedule-not-found' } });
  });

  it.each(['59m', '91d', '0d', 'weekly', ''])(
    'allows a full pass every hour to 90 days, or null, not %s',
    async (fullEvery) => {
      expect((await put({ every: '1h', fullEvery })).json.errors).toEqual([
        { path: 'fullEvery', message: 'Must be a whole number of s, m, h or d from 1h to 90d, such as 15m' },
      ]);
    },
  );
});
