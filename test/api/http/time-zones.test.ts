import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { createApiWorld } from '../api-world.ts';
import type { Answered, ApiWorld } from '../api-world.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());

const create = (timeZone: string) =>
  api.send('POST', '/v1/venues', { json: { name: 'A venue', timeZone, currency: 'EUR' } });

async function pay(venueId: string, ...times: readonly string[]): Promise<void> {
  const records = times.map((occurredAt, index) => ({
    sourceId: `t${index}`,
    kind: 'payment',
    occurredAt,
    amountMinor: 500,
    currency: 'EUR',
    status: 'succeeded',
  }));
  expect(
    (await api.send('POST', `/v1/venues/${venueId}/records/transactions/batch`, { json: { records } })).json,
  ).toMatchObject({ created: times.length });
}

const summary = (venueId: string): Promise<Answered> =>
  api.send('GET', `/v1/venues/${venueId}/transactions/summary?from=2026-01-01&to=2026-12-31`);
const daysOf = async (venueId: string) =>
  (await summary(venueId)).json.data.map((row) => (row as unknown as { day: string }).day);

/** A venue whose zone was stored by an earlier version, which accepted more names. */
async function anOldVenue(timeZone: string): Promise<string> {
  const venueId = await api.aVenue();
  await api.database.admin`update venues set time_zone = ${timeZone} where id = ${venueId}`;
  return venueId;
}

describe('the days of a summary', () => {
  // Postgres treats these names as abbreviations with a fixed offset, or as POSIX rules.
  it.each([
    ['MET', '2026-06-10T22:20:00Z', '2026-06-11'],
    ['CET', '2026-06-10T22:20:00Z', '2026-06-11'],
    ['EET', '2026-06-10T21:20:00Z', '2026-06-11'],
    ['WET', '2026-06-10T23:20:00Z', '2026-06-11'],
    ['EST5EDT', '2026-06-10T04:20:00Z', '2026-06-10'],
    ['PST8PDT', '2026-06-10T07:20:00Z', '2026-06-10'],
    ['EST', '2026-06-10T04:20:00Z', '2026-06-09'],
    ['HST', '2026-06-10T09:20:00Z', '2026-06-09'],
    ['Etc/GMT+5', '2026-06-10T04:20:00Z', '2026-06-09'],
  ])('in %s are those of the IANA zone: %s is on %s', async (timeZone, time, day) => {
    const { status, json } = await create(timeZone);
    expect([status, json]).toMatchObject([201, { timeZone }]);
    await pay(json.id, time);
    expect(await daysOf(json.id)).toEqual([day]);
  });

  it.each([
    ['ACT', 'Australia/Darwin', '2026-06-10T14:40:00Z', '2026-06-11'],
    ['SystemV/AST4', 'SystemV/AST4', '2026-06-10T03:40:00Z', '2026-06-09'],
    ['europe/berlin', 'Europe/Berlin', '2026-06-10T22:40:00Z', '2026-06-11'],
    ['US/Pacific-New', 'America/Los_Angeles', '2026-06-10T06:40:00Z', '2026-06-09'],
  ])('of a venue that has %s from before are those of %s', async (stored, timeZone, time, day) => {
    const venueId = await anOldVenue(stored);
    await pay(venueId, time);
    expect(await daysOf(venueId)).toEqual([day]);
    expect((await summary(venueId)).json).toMatchObject({ timeZone });
    expect(await api.send('GET', `/v1/venues/${venueId}`)).toMatchObject({ status: 200, json: { timeZone } });
    expect(await api.send('PATCH', `/v1/venues/${venueId}`, { json: { name: 'Renamed' } })).toMatchObject({
      status: 200,
      json: { timeZone },
    });
  });

  it('of a venue whose zone nobody knows any more are those of UTC, and the answer says so', async () => {
    const venueId = await anOldVenue('Atlantis/Old_Town');
    await pay(venueId, '2026-06-10T23:40:00Z');
    expect(await daysOf(venueId)).toEqual(['2026-06-10']);
    expect((await summary(venueId)).json).toMatchObject({ timeZone: 'UTC' });
  });
});

describe('a new time zone of a venue', () => {
  it.each([
    'ACT',
    'BST',
    'PST',
    'IST',
    'SystemV/AST4',
    'SystemV/PST8PDT',
    'US/Pacific-New',
    'Canada/East-Saskatchewan',
    'Factory',
    'localtime',
    'posixrules',
    'posix/Europe/Berlin',
    'UTC+1',
    '+01:00',
    'Etc/Unknown',
    ' UTC',
  ])('is rejected as %s, which not every engine knows', async (timeZone) => {
    expect(await create(timeZone)).toMatchObject({
      status: 400,
      json: { code: 'invalid-request', errors: [{ path: 'timeZone' }] },
    });
  });

  it('is stored in the time zone database’s spelling, whatever its case', async () => {
    expect(await create('america/argentina/buenos_aires')).toMatchObject({
      status: 201,
      json: { timeZone: 'America/Argentina/Buenos_Aires' },
    });
    expect(await create('gmt+0')).toMatchObject({ status: 201, json: { timeZone: 'GMT+0' } });
    expect(await create('Asia/Calcutta')).toMatchObject({ status: 201, json: { timeZone: 'Asia/Calcutta' } });
    expect(await create('Asia/Kolkata')).toMatchObject({ status: 201, json: { timeZone: 'Asia/Kolkata' } });
  });
});

describe('a cron schedule', () => {
  async function scheduler(venueId: string) {
    const connectionId = await api.aConnection(venueId as VenueId);
    return (settings: object) =>
      api.send('PUT', `/v1/venues/${venueId}/connections/${connectionId}/schedules/customers`, {
        json: { cron: '0 6 * * *', ...settings },
      });
  }

  it('accepts the same zones as a venue', async () => {
    const schedule = await scheduler(await api.aVenue());
    expect(await schedule({ timeZone: 'met' })).toMatchObject({ status: 200, json: { timeZone: 'MET' } });
    for (const timeZone of ['ACT', 'SystemV/AST4'])
      expect(await schedule({ timeZone })).toMatchObject({ status: 400, json: { errors: [{ path: 'timeZone' }] } });
  });

  it('runs in the canonical zone when the venue has an older name for it', async () => {
    expect(await (await scheduler(await anOldVenue('ACT')))({})).toMatchObject({
      status: 200,
      json: { timeZone: 'Australia/Darwin' },
    });
    expect(await (await scheduler(await anOldVenue('europe/berlin')))({})).toMatchObject({
      status: 200,
      json: { timeZone: 'Europe/Berlin' },
    });
  });
});
