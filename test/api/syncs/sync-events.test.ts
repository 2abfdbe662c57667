import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { EventStream } from '../../../api/http/event-stream.ts';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import type { SyncPhase } from '../../../contracts/sync.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { changePhase } from '../../../db/runs/run-state.ts';
import { aConnection } from '../../db/builders.ts';
import { until } from '../../support/eventually.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let connectionId: ConnectionId;
let syncId: string;
let path: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  connectionId = (await aConnection(api.database.db, venueId)).id;
  const order = { connectionId, resource: 'customers', direction: 'push', mode: 'full' };
  syncId = (await api.send('POST', `/v1/venues/${venueId}/syncs`, { json: order })).json.id;
  path = `/v1/venues/${venueId}/syncs/${syncId}/events`;
});

interface Event {
  readonly id: string;
  readonly event: string;
  readonly data: { readonly phase: string; readonly sourceId: string; readonly progress: { readonly done: number } };
}

/** Reads events as they arrive, until `until` holds or the stream ends. */
async function watch(
  options: { readonly lastEventId?: string; readonly until?: (events: readonly Event[]) => boolean } = {},
): Promise<readonly Event[]> {
  const response = await api.raw(
    'GET',
    path,
    options.lastEventId === undefined ? {} : { headers: { 'last-event-id': options.lastEventId } },
  );
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  const events: Event[] = [];
  let text = '';
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + piece).split('\n\n');
    text = blocks.pop() ?? '';
    events.push(...blocks.flatMap(toEvent));
    if (options.until?.(events)) break;
  }
  return events;
}

/** Empty for a comment or a `retry`. */
function toEvent(block: string): Event[] {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const event = fields.get('event');
  return event === undefined
    ? []
    : [{ id: fields.get('id') ?? '', event, data: JSON.parse(fields.get('data') ?? '') as Event['data'] }];
}

const reject = (count: number, from = 0) => api.database.admin`
  insert into sync_logs (venue_id, sync_id, level, action, source_id, code, message)
  select ${venueId}, ${syncId}, 'warn', 'rejected', 'c' || n, 'email-invalid', 'No.' from generate_series(${from}::int, ${from + count - 1}::int) n order by n`;
const setPhase = (phase: SyncPhase) => withVenue(api.database.db, venueId, (tx) => changePhase(tx, inputOf(), phase));
const finish = () =>
  api.progress.finish(inputOf(), { outcome: 'completed-with-rejections', error: null, plan: null, watermark: null });
const advance = (done: number) =>
  api.database.admin`update sync_runs set done = ${done}, total = 1000, rate_per_second = 10 where id = ${syncId}`;
const inputOf = () =>
  ({
    venueId,
    connectionId,
    provider: 'stripe',
    resource: 'customers',
    direction: 'push',
    mode: 'full',
    syncId,
  }) as never;
const rejected = (events: readonly Event[]) =>
  events.filter(({ event }) => event === 'record-rejected').map(({ data }) => data.sourceId);
const names = (count: number) => Array.from({ length: count }, (_, index) => `c${index}`);

/** The OpenAPI document's schema of an event. */
async function describedEvent() {
  const { components } = (await api.send('GET', '/openapi.json')).json as unknown as { readonly components: object };
  return new Ajv2020({ strict: false, validateFormats: false, schemas: [{ $id: 'interlock', components }] }).compile({
    $ref: 'interlock#/components/schemas/SyncEvent',
  });
}

describe('the event stream of a run', () => {
  it('sends phases, rejected records, progress and the end, and closes', async () => {
    let told: readonly Event[] = [];
    const watching = watch({
      until: (events) => {
        told = events;
        return false;
      },
    });
    const isTold = (what: string, check: () => boolean) => until(check, { limitMs: 20_000, what: `${what} is told` });
    await isTold('the run', () => told.length > 0);
    await setPhase('running');
    await advance(10);
    await isTold('progress', () => told.some(({ event, data }) => event === 'progress' && data.progress.done === 10));
    await reject(3);
    await isTold('each rejected record', () => rejected(told).length === 3);
    await finish();
    const events = await watching;
    expect(events.filter(({ event }) => event === 'phase').map(({ data }) => data.phase)).toEqual([
      'queued',
      'running',
      'finished',
    ]);
    expect(rejected(events)).toEqual(names(3));
    expect(events.find(({ event }) => event === 'record-rejected')?.data).toMatchObject({
      action: 'rejected',
      code: 'email-invalid',
      level: 'warn',
    });
    expect(events.filter(({ event }) => event === 'progress').at(-1)?.data).toMatchObject({
      phase: 'running',
      progress: { done: 10, total: 1000, estimatedSecondsLeft: 99 },
    });
    expect(events.at(-1)).toMatchObject({
      event: 'finished',
      data: { id: syncId, outcome: 'completed-with-rejections', phase: 'finished' },
    });
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    const validate = await describedEvent();
    for (const { id, event, data } of events)
      expect.soft(validate({ id, event, data }), `${event} ${JSON.stringify(validate.errors)}`).toBe(true);
    expect(validate({ id: '1', event: 'progress', data: {} })).toBe(false);
  });

  it('sends each conflict as it is logged, also to a reader who comes late, and counts conflicts in its progress', async () => {
    await setPhase('running');
    await api.database.admin`
      insert into sync_logs (venue_id, sync_id, level, action, source_id, code, message)
      select ${venueId}, ${syncId}, 'warn', 'conflict', 'c' || n, 'conflict-open', 'Both.' from generate_series(0, 2) n order by n`;
    await api.database.admin`
      update sync_runs set conflict_count = 3 where id = ${syncId}`;
    const isTold = (events: readonly Event[]) => events.some(({ event }) => event === 'progress');
    const events = await watch({ until: isTold });
    const conflicts = events.filter(({ event }) => event === 'record-conflict');
    expect(conflicts.map(({ data }) => data.sourceId)).toEqual(names(3));
    expect(conflicts[0]?.data).toMatchObject({ action: 'conflict', code: 'conflict-open', level: 'warn' });
    expect(events.at(-1)?.data).toMatchObject({ counts: { conflicts: 3 } });
    const validate = await describedEvent();
    for (const { id, event, data } of events)
      expect.soft(validate({ id, event, data }), `${event} ${JSON.stringify(validate.errors)}`).toBe(true);
    const later = await watch({ lastEventId: conflicts[1]?.id ?? '', until: isTold });
    expect(later.filter(({ event }) => event === 'record-conflict').map(({ data }) => data.sourceId)).toEqual(['c2']);
  });

  it('shows that a run waits, for what, and for the approval of how many records, with no time estimate', async () => {
    const { admin } = api.database;
    const waitingFor = { what: 'rate-limit', since: '2026-11-21T10:00:00.000Z', until: '2026-11-21T10:05:00.000Z' };
    await setPhase('running');
    await advance(10);
    const latest = (events: readonly Event[]) =>
      events.filter(({ event }) => event === 'progress').at(-1)?.data as unknown as
        Readonly<Record<string, unknown>> | undefined;
    const waiting = watch({ until: (events) => latest(events)?.['phase'] === 'waiting' });
    await admin`update sync_runs set waiting_for = ${admin.json(waitingFor)} where id = ${syncId}`;
    await setPhase('waiting');
    const told = await waiting;
    expect(latest(told)).toMatchObject({
      phase: 'waiting',
      waitingFor,
      awaiting: null,
      progress: { done: 10, estimatedSecondsLeft: null },
    });
    const asking = watch({
      lastEventId: told.at(-1)?.id ?? '',
      until: (events) => latest(events)?.['phase'] === 'awaiting-approval',
    });
    await admin`update sync_runs set waiting_for = null, awaiting = ${admin.json({ archiving: 30, of: 100 })} where id = ${syncId}`;
    await setPhase('awaiting-approval');
    expect(latest(await asking)).toMatchObject({
      phase: 'awaiting-approval',
      awaiting: { archiving: 30, of: 100 },
      progress: { estimatedSecondsLeft: null },
    });
    await setPhase('running');
    await finish();
    const phases = (await watch()).filter(({ event }) => event === 'phase').map(({ data }) => data.phase);
    expect(phases).toEqual(['queued', 'running', 'waiting', 'awaiting-approval', 'running', 'finished']);
  });

  it('continues when a run that was over is retried, also for a watcher who has seen its end', async () => {
    await reject(2);
    await api.progress.finish(inputOf(), { outcome: 'failed', error: null, plan: null, watermark: null });
    const first = await watch();
    expect((await api.send('POST', path.replace('/events', '/retry'))).status).toBe(202);
    const watching = watch({ lastEventId: first.at(-1)?.id ?? '' });
    await setPhase('running');
    await reject(1, 2);
    await finish();
    const second = await watching;
    expect(rejected([...first, ...second])).toEqual(names(3));
    expect(second.filter(({ event }) => event === 'phase').map(({ data }) => data.phase)).toEqual([
      'queued',
      'running',
      'finished',
    ]);
    expect(second.at(-1)).toMatchObject({ event: 'finished', data: { outcome: 'completed-with-rejections' } });
  });

  it('sends progress at most four times a second', async () => {
    // Times of sending, because a busy machine delivers together what was sent apart.
    const times: number[] = [];
    // oxlint-disable-next-line typescript/unbound-method -- called with the stream that it is of
    const { send } = EventStream.prototype;
    vi.spyOn(EventStream.prototype, 'send').mockImplementation(function (this: EventStream, event) {
      if (event.event === 'progress') times.push(performance.now());
      return send.call(this, event);
    });
    const watching = watch();
    let done = 0;
    const isSentOften = async () => {
      await advance((done += 1));
      return times.length > 8;
    };
    await until(isSentOften, { limitMs: 20_000, what: 'progress is sent again and again', everyMs: 10 });
    await finish();
    expect((await watching).filter(({ event }) => event === 'progress')).toHaveLength(times.length);
    for (const time of times)
      expect(times.filter((other) => other >= time && other < time + 1_000).length).toBeLessThanOrEqual(4);
  });

  it('resumes after the last event without loss or repetition, wherever it broke off and after a restart', async () => {
    await setPhase('running');
    await reject(450);
    const events: Event[] = [];
    let lastEventId: string | undefined;
    for (const count of [1, 7, 205, 3]) {
      const part = await watch({
        ...(lastEventId === undefined ? {} : { lastEventId }),
        until: (seen) => seen.length >= count,
      });
      events.push(...part.slice(0, count));
      lastEventId = events.at(-1)?.id ?? '';
    }
    await api.restart();
    await reject(50, 450);
    await finish();
    events.push(...(await watch({ lastEventId: lastEventId ?? '' })));
    expect(rejected(events)).toEqual(names(500));
    expect(events.filter(({ event }) => event === 'phase').map(({ data }) => data.phase)).toEqual([
      'queued',
      'running',
      'finished',
    ]);
    expect(events.at(-1)?.event).toBe('finished');
  });

  it('replays a run that ended long ago from its beginning, and then only what is asked for', async () => {
    await reject(5);
    await finish();
    const events = await watch();
    expect(rejected(events)).toEqual(names(5));
    const third = events.filter(({ event }) => event === 'record-rejected')[2]?.id ?? '';
    expect(rejected(await watch({ lastEventId: third }))).toEqual(['c3', 'c4']);
    const over = await api.raw('GET', path, { headers: { 'last-event-id': events.at(-1)?.id ?? '' } });
    expect([over.status, await over.text()]).toEqual([204, '']);
  });

  it('sends every watcher everything, early or late', async () => {
    const watchers = [watch(), watch()];
    await reject(300);
    await sleep(350);
    watchers.push(watch());
    await reject(300, 300);
    await sleep(350);
    watchers.push(watch());
    await finish();
    for (const events of await Promise.all(watchers)) expect(rejected(events)).toEqual(names(600));
  });

  it.each(['x', '-1', '1-2-3', '99999999999999999999', '7-done'])('rejects %s as Last-Event-ID', async (id) => {
    expect(await api.send('GET', path, { headers: { 'last-event-id': id } })).toMatchObject({
      status: 400,
      json: { errors: [{ path: 'Last-Event-ID' }] },
    });
  });

  it('rejects an id that this run never sent, because its watcher would miss what comes before it', async () => {
    const [row] = await api.database.admin<{ next: string }[]>`select max(seq) + 1000 as next from sync_logs`;
    expect(await api.send('GET', path, { headers: { 'last-event-id': row?.next ?? '' } })).toMatchObject({
      status: 400,
    });
  });

  it('ends when the token expires', async () => {
    const token = await aToken({ role: 'viewer', venues: [venueId], expiresInS: 2 });
    const response = await api.raw('GET', path, { token });
    expect(await response.text()).not.toContain('event: finished');
  });

  it('polls once for many watchers and stops with the last', async () => {
    const find = vi.spyOn(api.runs, 'find');
    const reads = () => find.mock.calls.filter(([, id]) => id === syncId).length;
    const controllers = Array.from({ length: 20 }, () => new AbortController());
    const responses = await Promise.all(controllers.map(({ signal }) => fetchEvents(signal)));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    find.mockClear();
    const since = performance.now();
    await sleep(1_500);
    await until(() => reads() > 2, { limitMs: 20_000, what: 'the run is polled again and again' });
    // Four reads a second.
    expect(reads()).toBeLessThanOrEqual(1 + (performance.now() - since) / 250);
    for (const controller of controllers) controller.abort();
    const isQuiet = async () => {
      find.mockClear();
      await sleep(700);
      return reads() === 0;
    };
    await until(isQuiet, { limitMs: 20_000, what: 'nobody polls the run' });
  });

  it('does not keep in memory what a slow reader does not read', async () => {
    const token = await aToken();
    const socket = connect(api.port, '127.0.0.1');
    onTestFinished(() => {
      socket.destroy();
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    socket.pause();
    await sleep(300);
    const before = await heldBytes();
    await api.database.admin`insert into sync_logs (venue_id, sync_id, level, action, source_id, message)
      select ${venueId}, ${syncId}, 'warn', 'rejected', 'c' || n, repeat('x', 2000) from generate_series(1, 30000) n order by n`;
    await sleep(4_000);
    // Other work of the process may hold memory briefly; what is kept for the reader would stay.
    await until(async () => ((await heldBytes()) - before) / 1_048_576 < 15, {
      limitMs: 20_000,
      everyMs: 500,
      what: 'less than 15 MB are held',
    });
  });
});

/** Memory in use after a garbage collection. The rows of the test are 60 MB. */
async function heldBytes(): Promise<number> {
  const { gc: collect } = globalThis;
  if (!collect) throw new Error('vitest.config.ts starts test processes with --expose-gc');
  collect();
  // Buffers are freed after a collection, not during it.
  await sleep(200);
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function fetchEvents(signal: AbortSignal): Promise<Response> {
  return fetch(`http://127.0.0.1:${api.port}${path}`, {
    signal,
    headers: { authorization: `Bearer ${await aToken()}` },
  });
}
