import { v7 as uuidv7 } from 'uuid';
import type { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { createScheduleGateway } from '../../../api/temporal/schedule-gateway.ts';
import type { scheduleAnswer } from '../../../api/schemas/schedule.ts';
import type { VenueId } from '../../../contracts/ids.ts';
import type { Resource } from '../../../contracts/providers.ts';
import { scheduleId } from '../../../contracts/sync.ts';
import { useTemporalClient } from '../../support/services/temporal.ts';
import { aKey, aToken, createApiWorld } from '../api-world.ts';
import type { Answered, ApiWorld, SendOptions } from '../api-world.ts';

type ScheduleBody = z.output<typeof scheduleAnswer>;

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

// Uses a real Temporal for the schedules. No worker runs, so that the workflows they start stay open.
let api: ApiWorld;
let connection: Connection;
let client: Client;

beforeAll(async () => {
  const temporal = await useTemporalClient();
  ({ client, connection } = temporal);
  api = await createApiWorld({
    deps: { scheduleGateway: createScheduleGateway({ ...temporal, providerName: () => 'Stripe' }) },
  });
});
afterAll(async () => {
  await api.close();
  await connection.close();
});

let venueId: VenueId;
let connectionId: string;
let schedules: string;

beforeEach(async () => {
  venueId = await api.aVenue();
  connectionId = await api.aConnection(venueId);
  schedules = pathOf(venueId, connectionId);
});

const pathOf = (venue: string, ofConnection: string) => `/v1/venues/${venue}/connections/${ofConnection}/schedules`;
const scheduleOf = ({ json }: Answered) => json as unknown as ScheduleBody;
const read = async (resource: Resource = 'customers') => scheduleOf(await api.send('GET', `${schedules}/${resource}`));
const put = (json: object, resource = 'customers', options: SendOptions = {}) =>
  api.send('PUT', `${schedules}/${resource}`, { json, ...options });
const list = async () => (await api.send('GET', schedules)).json.data as unknown as ScheduleBody[];
const handleOf = (resource: Resource = 'customers') => client.schedule.getHandle(scheduleId(connectionId, resource));
const inTemporal = async (resource: Resource) =>
  handleOf(resource)
    .describe()
    .then(
      () => true,
      () => false,
    );
const setState = (state: string) =>
  api.database.admin`update connections set state = ${state} where id = ${connectionId}`;
const lastAudit = async () =>
  (
    await api.database
      .admin`select action, target_id, details from audit_log where venue_id = ${venueId} order by id desc limit 1`
  )[0];
const wallClock = (time: string, timeZone: string) =>
  new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' }).format(new Date(time));

describe('connecting', () => {
  it('makes an hourly pull of each resource that can be pulled, none of which runs within the hour', async () => {
    const made = await list();
    expect(made.map(({ resource }) => resource)).toEqual(['products', 'customers', 'transactions', 'invoices']);
    for (const schedule of made) {
      expect(schedule).toMatchObject({
        direction: 'pull',
        every: '1h',
        cron: null,
        timeZone: null,
        jitter: '5m',
        paused: false,
        note: null,
        lastRuns: [],
      });
      expect(schedule.nextRuns).toHaveLength(5);
      const firstInMs = new Date(schedule.nextRuns[0] ?? 0).getTime() - Date.now();
      expect(firstInMs).toBeGreaterThan(HOUR_MS - MINUTE_MS);
      expect(firstInMs).toBeLessThan(HOUR_MS + 6 * MINUTE_MS);
    }
  });

  it('again keeps a schedule that was changed or paused, and does not restore a deleted one', async () => {
    await put({ every: '15m', paused: true, note: 'month’s end' });
    await api.send('DELETE', `${schedules}/products`);
    expect(
      (await api.send('POST', `/v1/venues/${venueId}/connections`, { json: aKey(api.sandbox.secretKey) })).status,
    ).toBe(200);
    expect(await read()).toMatchObject({ every: '15m', paused: true, note: 'month’s end' });
    expect((await list()).map(({ resource }) => resource)).toEqual(['customers', 'transactions', 'invoices']);
    expect((await api.send('GET', `${schedules}/products`)).json).toMatchObject({ code: 'schedule-not-found' });
  });

  it('does not restore a schedule that was deleted in the Temporal Web UI', async () => {
    await handleOf('transactions').delete();
    expect((await list()).map(({ resource }) => resource)).toEqual(['products', 'customers', 'invoices']);
  });
});

describe('connecting while Temporal is away', () => {
  let away: ApiWorld;
  beforeAll(async () => {
    away = await createApiWorld();
  });
  afterAll(() => away.close());

  it('succeeds, and a later change of one schedule makes the missing ones', async () => {
    const venue = await away.aVenue();
    away.scheduleGateway.away = true;
    const ofConnection = await away.aConnection(venue);
    expect(away.logLines.join('')).toContain('default schedules could not be made');
    expect((await away.send('GET', pathOf(venue, ofConnection))).json).toMatchObject({ code: 'temporal-unavailable' });
    away.scheduleGateway.away = false;
    expect((await away.send('GET', pathOf(venue, ofConnection))).json.data).toEqual([]);
    expect((await away.send('PUT', `${pathOf(venue, ofConnection)}/customers`, { json: { every: '1d' } })).status).toBe(
      200,
    );
    const made = (await away.send('GET', pathOf(venue, ofConnection))).json.data as unknown as ScheduleBody[];
    expect(made.map(({ resource, every }) => [resource, every])).toEqual([
      ['products', '1h'],
      ['customers', '1d'],
      ['transactions', '1h'],
      ['invoices', '1h'],
    ]);
  });

  it('makes no schedule later when the connection is disconnected by then', async () => {
    const venue = await away.aVenue();
    away.scheduleGateway.away = true;
    const ofConnection = await away.aConnection(venue);
    await away.database.admin`update connections set state = 'disconnected' where id = ${ofConnection}`;
    away.scheduleGateway.away = false;
    expect((await away.send('POST', `${pathOf(venue, ofConnection)}/customers/resume`)).json).toMatchObject({
      code: 'schedule-not-found',
    });
    expect((await away.send('GET', pathOf(venue, ofConnection))).json.data).toEqual([]);
  });

  it('makes no schedule later that was deleted before it could be made', async () => {
    const venue = await away.aVenue();
    away.scheduleGateway.away = true;
    const ofConnection = await away.aConnection(venue);
    await away.send('DELETE', `${pathOf(venue, ofConnection)}/customers`);
    away.scheduleGateway.away = false;
    await away.send('POST', `${pathOf(venue, ofConnection)}/products/resume`);
    expect(
      (await away.send('GET', pathOf(venue, ofConnection))).json.data.map(
        (each) => (each as unknown as ScheduleBody).resource,
      ),
    ).toEqual(['products', 'transactions', 'invoices']);
  });
});

describe('a schedule', () => {
  it('is visible in Temporal, waits for the run before it, catches up for a minute, and runs with the venue’s fairness', async () => {
    await put({ every: '1d', direction: 'push', jitter: '2m' });
    const { spec, action, policies, typedSearchAttributes, memo } = await handleOf().describe();
    expect(spec.intervals?.map(({ every }) => every)).toEqual([24 * HOUR_MS]);
    expect(spec.jitter).toBe(2 * MINUTE_MS);
    expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: MINUTE_MS });
    expect(action).toMatchObject({
      workflowType: 'scheduledSync',
      taskQueue: 'workflows',
      staticSummary: 'Scheduled: venue → Stripe: customers, incremental',
      priority: { priorityKey: 3, fairnessKey: venueId },
    });
    expect(action.args).toEqual([
      { venueId, connectionId, provider: 'stripe', resource: 'customers', direction: 'push', providerName: 'Stripe' },
    ]);
    expect(memo).toEqual({ venueId });
    const expected = {
      VenueId: venueId,
      Provider: 'stripe',
      ConnectionId: connectionId,
      Resource: 'customers',
      Direction: 'push',
    };
    for (const attributes of [typedSearchAttributes, action.typedSearchAttributes]) {
      const all = attributes && 'getAll' in attributes ? attributes.getAll() : (attributes ?? []);
      expect(Object.fromEntries(all.map(({ key, value }) => [key.name, value]))).toMatchObject(expected);
    }
    expect(await read()).toMatchObject({
      ...{ direction: 'push', every: '1d', jitter: '2m', scheduleId: `schedule/${connectionId}/customers` },
      temporalUrl: `https://temporal.test/namespaces/default/schedules/schedule%2F${connectionId}%2Fcustomers`,
    });
  });

  it('makes a full pass weekly by default, at the given interval, or never', async () => {
    const made = await read();
    expect(made).toMatchObject({ fullEvery: '7d', lastFullAt: null, nextFullAt: made.nextRuns[0] });
    expect(scheduleOf(await put({ every: '1h', fullEvery: '2d' }))).toMatchObject({ fullEvery: '2d' });
    expect((await handleOf().describe()).action.args).toMatchObject([{ fullEveryMs: 2 * 24 * HOUR_MS }]);
    expect(scheduleOf(await put({ every: '2h' }))).toMatchObject({ every: '2h', fullEvery: '2d' });
    expect(scheduleOf(await put({ every: '2h', fullEvery: null }))).toMatchObject({
      fullEvery: null,
      nextFullAt: null,
    });
    expect(scheduleOf(await put({ every: '3h' }))).toMatchObject({ fullEvery: null });
    expect(scheduleOf(await put({ every: '3h', fullEvery: '48h' }))).toMatchObject({ fullEvery: '2d' });
  });

  it('shows the last full pass and the next runs, and so does its connection', async () => {
    const ended = new Date(Date.now() - 2 * HOUR_MS);
    await api.database
      .admin`insert into sync_cursors (connection_id, resource, direction, venue_id, watermark, full_started_at, full_finished_at)
      values (${connectionId}, 'customers', 'pull', ${venueId}, now(), ${ended}, ${ended}), (${connectionId}, 'products', 'pull', ${venueId}, now(), null, null)`;
    const { lastFullAt, nextFullAt, nextRuns } = scheduleOf(await put({ every: '1h', jitter: '0s', fullEvery: '4h' }));
    expect(lastFullAt).toBe(ended.toISOString());
    // It began two hours ago and may come up to a tenth early, so it comes after four hours: not with the first run.
    expect(nextFullAt).toBe(nextRuns[1]);
    const far = scheduleOf(await put({ every: '1h', jitter: '0s', fullEvery: '7d' }));
    expect(new Date(far.nextFullAt ?? 0).getTime() - ended.getTime()).toBeGreaterThan(6 * 24 * HOUR_MS);
    expect(scheduleOf(await put({ every: '1h', paused: true }))).toMatchObject({ lastFullAt, nextFullAt: null });
    expect((await api.send('GET', `/v1/venues/${venueId}/connections/${connectionId}`)).json.fullPasses).toEqual([
      { resource: 'customers', direction: 'pull', endedAt: lastFullAt },
    ]);
    expect((await list()).map((schedule) => [schedule.resource, schedule.lastFullAt])).toEqual([
      ['products', null],
      ['customers', lastFullAt],
      ['transactions', null],
      ['invoices', null],
    ]);
  });

  it('keeps its times when the same schedule is sent again; a new interval starts anew', async () => {
    const first = scheduleOf(await put({ every: '2h', jitter: '0s' }));
    expect(scheduleOf(await put({ every: '120m', jitter: '0s', note: 'same' })).nextRuns).toEqual(first.nextRuns);
    const changed = scheduleOf(await put({ every: '3h', jitter: '0s' }));
    expect(new Date(changed.nextRuns[0] ?? 0).getTime() - Date.now()).toBeGreaterThan(2 * HOUR_MS);
    expect(changed).toMatchObject({ every: '3h', note: 'same' });
  });

  it('by cron runs in the venue’s time zone, also across a clock change', async () => {
    const monthly = scheduleOf(await put({ cron: '30 6 1 */3 *', jitter: '0s' }));
    expect(monthly).toMatchObject({ every: null, cron: '30 6 1 */3 *', timeZone: 'Europe/Berlin' });
    expect(monthly.nextRuns).toHaveLength(5);
    expect(new Set(monthly.nextRuns.map((time) => wallClock(time, 'Europe/Berlin')))).toEqual(new Set(['06:30']));
    // A year of quarters includes summer and winter, so one local time gives two times in UTC.
    expect(new Set(monthly.nextRuns.map((time) => wallClock(time, 'UTC')))).toEqual(new Set(['04:30', '05:30']));
    const elsewhere = scheduleOf(await put({ cron: '0 9 * * mon-fri', timeZone: 'America/New_York', jitter: '0s' }));
    expect(elsewhere).toMatchObject({ cron: '0 9 * * mon-fri', timeZone: 'America/New_York' });
    expect(new Set(elsewhere.nextRuns.map((time) => wallClock(time, 'America/New_York')))).toEqual(new Set(['09:00']));
  });

  it('with both a day of the month and a day of the week runs on either', async () => {
    const { nextRuns } = scheduleOf(await put({ cron: '0 0 13 * 5', timeZone: 'UTC', jitter: '0s' }));
    const days = nextRuns.map((time) => new Date(time));
    expect(days.every((day) => day.getUTCDate() === 13 || day.getUTCDay() === 5)).toBe(true);
    expect(days.filter((day) => day.getUTCDay() === 5).length).toBeGreaterThanOrEqual(4);
  });

  it('whose times were changed in the Temporal Web UI shows that, and still its next runs', async () => {
    await put({ cron: '0 6 * * *' });
    await handleOf().update((previous) => ({
      ...previous,
      spec: { ...previous.spec, calendars: [{ ...previous.spec.calendars?.[0], hour: 7 }] },
    }));
    const changed = await read();
    expect(changed).toMatchObject({ every: null, cron: null, timeZone: null });
    expect(changed.nextRuns).toHaveLength(5);
  });

  it('pauses and resumes, over the API as in the Web UI, and keeps its note', async () => {
    await put({ every: '1h', note: 'kept' });
    const paused = await api.send('POST', `${schedules}/customers/pause`);
    expect(paused).toMatchObject({ status: 200, json: { paused: true, note: 'kept', nextRuns: [] } });
    expect((await api.send('POST', `${schedules}/customers/pause`)).status).toBe(200);
    expect((await handleOf().describe()).state.paused).toBe(true);
    expect(await lastAudit()).toMatchObject({
      action: 'schedule.paused',
      target_id: `schedule/${connectionId}/customers`,
    });
    expect(scheduleOf(await put({ every: '2h' }))).toMatchObject({ every: '2h', paused: true });
    const resumed = await api.send('POST', `${schedules}/customers/resume`);
    expect(resumed).toMatchObject({ status: 200, json: { paused: false, note: 'kept' } });
    expect(scheduleOf(resumed).nextRuns).toHaveLength(5);
    await handleOf('products').pause('by an operator');
    expect(await read('products')).toMatchObject({ paused: true, note: 'by an operator' });
    await api.send('POST', `${schedules}/transactions/pause`);
    expect(await read('transactions')).toMatchObject({ paused: true, note: null });
  });

  it('tells subscribers once that a person has paused it, by either request, and not that it is changed or resumed', async () => {
    await api.database
      .admin`insert into subscriptions (id, venue_id, url) values (${uuidv7()}, ${venueId}, 'https://a.example/')`;
    const told = async () => [
      ...(await api.database
        .admin`select data from outgoing_messages where venue_id = ${venueId} and type = 'sync.paused' order by id`),
    ];
    await put({ every: '1h' });
    for (let times = 0; times < 2; times += 1) await api.send('POST', `${schedules}/customers/pause`);
    await put({ every: '2h', paused: true });
    await api.send('POST', `${schedules}/invoices/resume`);
    const pause = { connectionId, provider: 'stripe', direction: 'pull', by: 'operator', reason: 'schedule-paused' };
    const customers = { ...pause, resource: 'customers', until: null, path: `${schedules}/customers` };
    expect(await told()).toEqual([{ data: customers }]);
    await put({ every: '1h', paused: true }, 'products');
    expect(await told()).toMatchObject([{ data: customers }, { data: { ...pause, resource: 'products' } }]);
  });

  it('is deleted once, can be made again, and leaves the others alone', async () => {
    expect(await api.send('DELETE', `${schedules}/customers`)).toMatchObject({
      status: 200,
      json: { resource: 'customers', deleted: true },
    });
    expect(await api.send('DELETE', `${schedules}/customers`)).toMatchObject({
      status: 404,
      json: { code: 'schedule-not-found' },
    });
    expect([await inTemporal('customers'), await inTemporal('products')]).toEqual([false, true]);
    for (const action of ['pause', 'resume', 'trigger']) {
      expect(await api.send('POST', `${schedules}/customers/${action}`)).toMatchObject({
        status: 404,
        json: { code: 'schedule-not-found' },
      });
    }
    expect(scheduleOf(await put({ every: '31d' }))).toMatchObject({ every: '31d', paused: false });
  });

  it.each(['disconnecting', 'disconnected'])('is not made on a connection that is %s', async (state) => {
    await api.send('DELETE', `${schedules}/customers`);
    await setState(state);
    expect(await put({ every: '2h' })).toMatchObject({
      status: 409,
      json: { code: 'connection-not-active', detail: expect.stringContaining(`is ${state}`) as string },
    });
    expect(await inTemporal('customers')).toBe(false);
    expect(await lastAudit()).toMatchObject({ action: 'schedule.deleted' });
  });

  it.each(['needs-reauth', 'suspended'])('is changed while the connection is %s, for later', async (state) => {
    await setState(state);
    expect(await put({ every: '2h' })).toMatchObject({ status: 200, json: { every: '2h' } });
  });

  it('starts one run however often it is triggered during that run, even when it is paused', async () => {
    await put({ every: '1h', paused: true });
    const trigger = async (times: number) =>
      (await Promise.all(Array.from({ length: times }, () => api.send('POST', `${schedules}/customers/trigger`)))).map(
        ({ status }) => status,
      );
    // A Schedule is a workflow itself: it handles triggers a moment after they are accepted, and treats those of one
    // moment as one. A later one is skipped and counted while the first run is open.
    expect(await trigger(4)).toEqual([202, 202, 202, 202]);
    await expect.poll(async () => (await handleOf().describe()).info.runningActions.length).toBe(1);
    const skippedBefore = (await handleOf().describe()).info.numActionsSkippedOverlap;
    expect(await trigger(1)).toEqual([202]);
    await expect
      .poll(async () => (await handleOf().describe()).info.numActionsSkippedOverlap)
      .toBeGreaterThan(skippedBefore);
    const { info } = await handleOf().describe();
    expect([info.numActionsTaken, info.runningActions.length]).toEqual([1, 1]);
    for (const { workflow } of info.runningActions)
      await client.workflow.getHandle(workflow.workflowId).terminate('test');
  });
});

describe('schedules of another venue', () => {
  it('answer 404 to every operation', async () => {
    const stranger = await api.aVenue('Another venue');
    const theirs = pathOf(stranger, connectionId);
    const before = await read();
    const asked: readonly (readonly [string, string, SendOptions])[] = [
      ['GET', theirs, {}],
      ['GET', `${theirs}/customers`, {}],
      ['PUT', `${theirs}/customers`, { json: { every: '1m' } }],
      ['DELETE', `${theirs}/customers`, {}],
      ...['pause', 'resume', 'trigger'].map((action) => ['POST', `${theirs}/customers/${action}`, {}] as const),
    ];
    for (const [method, path, options] of asked)
      expect
        .soft(await api.send(method, path, options), `${method} ${path}`)
        .toMatchObject({ status: 404, json: { code: 'connection-not-found' } });
    const token = await aToken({ venues: [stranger] });
    expect(await api.send('GET', schedules, { token })).toMatchObject({
      status: 404,
      json: { code: 'venue-not-found' },
    });
    expect(await read()).toEqual(before);
  });
});

describe('roles', () => {
  it('let a viewer read; changing, pausing and triggering need an operator', async () => {
    const viewer = await aToken({ role: 'viewer' });
    const operator = await aToken({ role: 'operator' });
    expect((await api.send('GET', `${schedules}/customers`, { token: viewer })).status).toBe(200);
    expect((await put({ every: '1h' }, 'customers', { token: viewer })).status).toBe(403);
    for (const action of ['pause', 'resume', 'trigger'])
      expect((await api.send('POST', `${schedules}/customers/${action}`, { token: viewer })).status).toBe(403);
    expect((await api.send('DELETE', `${schedules}/customers`, { token: viewer })).status).toBe(403);
    expect((await put({ every: '1h' }, 'customers', { token: operator })).status).toBe(200);
    expect((await api.send('DELETE', `${schedules}/customers`, { token: operator })).status).toBe(200);
  });
});
