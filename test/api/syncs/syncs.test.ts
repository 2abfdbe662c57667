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
  venueId = await api.aVenue();
  connectionId = (await aConnection(api.database.db, venueId)).id;
  path = `/v1/venues/${venueId}/syncs`;
});

const { start, inputOf, startedFor } = syncRequests(() => ({ api, venueId, connectionId }));

describe('starting a sync', () => {
  it('answers 202 with the run of the contract, and starts its workflow', async () => {
    const answer = await start({ dryRun: false });
    const { id } = answer.json;
    const workflowId = `sync/${venueId}/${connectionId}/customers/push`;
    const runId = api.gateway.running.get(id);
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`${path}/${id}`);
    expect(answer.json).toEqual({
      id,
      connectionId,
      resource: 'customers',
      direction: 'push',
      mode: 'full',
      dryRun: false,
      deadLettersOnly: false,
      window: null,
      plan: null,
      phase: 'queued',
      startedAt: null,
      finishedAt: null,
      progress: { done: 0, total: null, ratePerSecond: 0, estimatedSecondsLeft: null },
      counts: { read: 0, created: 0, updated: 0, unchanged: 0, archived: 0, rejected: 0, conflicts: 0 },
      providerCalls: 0,
      waitingFor: null,
      awaiting: null,
      approvedAt: null,
      outcome: null,
      error: null,
      workflowId,
      runId,
      temporalUrl: `https://temporal.test/namespaces/default/workflows/${encodeURIComponent(workflowId)}/${runId ?? ''}`,
    });
    expect((await api.send('GET', `${path}/${id}`)).json).toEqual(answer.json);
    expect(startedFor(id)).toBe(1);
  });

  it('joins the open run: 200, the same id, no second workflow', async () => {
    const first = await start();
    const second = await start({ mode: 'incremental' });
    expect([second.status, second.json.id, second.headers.get('location')]).toEqual([
      200,
      first.json.id,
      `${path}/${first.json.id}`,
    ]);
    expect(startedFor(first.json.id)).toBe(1);
    const actions = await api.database.admin<
      { action: string }[]
    >`select action from audit_log where venue_id = ${venueId} and target_type = 'sync' order by id`;
    expect(actions.map(({ action }) => action)).toEqual(['sync.started', 'sync.joined']);
  });

  it('opens one run when requested many times at once', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => start()));
    expect(new Set(answers.map((answer) => answer.json.id)).size).toBe(1);
    expect(answers.filter((answer) => answer.status === 202).length).toBe(1);
  });

  it('starts the workflow of a run whose process died before it could', async () => {
    const { run } = await api.runs.openOrJoin({
      venueId,
      connectionId,
      provider: 'stripe',
      resource: 'customers',
      direction: 'push',
      mode: 'full',
      requestedBy: 'x',
    });
    expect((await start()).json).toMatchObject({ id: run.id, runId: api.gateway.running.get(run.id) });
    expect(startedFor(run.id)).toBe(1);
  });

  it('answers 503 when Temporal is away, keeps the run, and succeeds when repeated', async () => {
    api.gateway.away = true;
    const away = await start();
    api.gateway.away = false;
    expect(away).toMatchObject({ status: 503, json: { code: 'temporal-unavailable' } });
    expect(away.headers.get('retry-after')).toBe('2');
    const mended = await start();
    expect(mended.status).toBe(200);
    expect(startedFor(mended.json.id)).toBe(1);
  });

  it('opens a dry run, also with a window, beside an open run', async () => {
    const real = await start({ direction: 'pull' });
    const window = { from: '2026-01-01T00:00:00.000Z', to: '2026-02-01T00:00:00.000Z' };
    const dry = await start({ direction: 'pull', dryRun: true, ...window });
    expect(dry).toMatchObject({
      status: 202,
      json: { dryRun: true, window, plan: null, workflowId: `sync/${venueId}/${connectionId}/customers/pull/dry-run` },
    });
    expect(dry.json.id).not.toBe(real.json.id);
    expect(await start({ direction: 'pull', dryRun: true })).toMatchObject({ status: 200, json: { id: dry.json.id } });
    expect(await start({ direction: 'pull', dryRun: true, to: window.to })).toMatchObject({
      status: 200,
      json: { id: dry.json.id, window },
    });
    expect(api.gateway.started.find((run) => run.id === dry.json.id)).toMatchObject({
      dryRun: true,
      window: { from: new Date(window.from), to: new Date(window.to) },
    });
  });

  it('accepts a window that is open at one end', async () => {
    expect(await start({ direction: 'pull', from: '2026-01-01T01:00:00+01:00' })).toMatchObject({
      status: 202,
      json: { window: { from: '2026-01-01T00:00:00.000Z', to: null } },
    });
  });

  it('makes a waiting run look again at once, and leaves a working one alone', async () => {
    const { id } = (await start()).json;
    const woken = () => api.gateway.woken.filter((run) => run.id === id).length;
    await start();
    expect(woken()).toBe(0);
    await api.database.admin`update sync_runs set phase = 'waiting' where id = ${id}`;
    expect(await start()).toMatchObject({ status: 200, json: { id } });
    expect(woken()).toBe(1);
  });

  it('opens a new run when the one before has finished', async () => {
    const first = await start();
    await api.progress.finish(inputOf(first.json.id), {
      outcome: 'completed',
      error: null,
      plan: null,
      watermark: null,
    });
    const second = await start();
    expect(second.status).toBe(202);
    expect(second.json.id).not.toBe(first.json.id);
  });

  it.each([
    ['a resource that Stripe lacks', { resource: 'inventory' }, 'resource-not-supported'],
    ['a direction that the resource lacks', { resource: 'transactions', direction: 'push' }, 'direction-not-supported'],
    [
      'both ways for a resource that is only read',
      { resource: 'transactions', direction: 'both' },
      'direction-not-supported',
    ],
  ])('rejects %s', async (_case, changes, code) => {
    expect(await start(changes)).toMatchObject({ status: 422, json: { code } });
    expect((await api.send('GET', path)).json.data).toEqual([]);
  });

  it.each([
    ['an unknown resource', { resource: 'orders' }, 'resource'],
    ['an unknown mode', { mode: 'fast' }, 'mode'],
    ['dryRun as text', { dryRun: 'false' }, 'dryRun'],
    ['a connection that is no id', { connectionId: 'stripe' }, 'connectionId'],
    ['an unknown field', { since: '2026-01-01' }, 'since'],
    ['a window that is no time', { direction: 'pull', from: '2026-01-01' }, 'from'],
    ['a window of a push', { from: '2026-01-01T00:00:00Z' }, 'from'],
    ['the end of a window of a push', { to: '2026-01-01T00:00:00Z' }, 'to'],
    [
      'a window that ends before it begins',
      { direction: 'pull', from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' },
      'to',
    ],
    [
      'a window without a whole second',
      { direction: 'pull', from: '2026-01-01T00:00:00.1Z', to: '2026-01-01T00:00:00.9Z' },
      'to',
    ],
    ['a window before providers count', { direction: 'pull', from: '1969-12-31T23:59:59Z' }, 'from'],
    ['a plan that is no id', { planId: 'newest' }, 'planId'],
    ['a plan of a dry run', { dryRun: true, planId: '019a0000-0000-7000-8000-000000000000' }, 'planId'],
  ])('rejects %s by name', async (_case, changes, field) => {
    expect(await start(changes)).toMatchObject({
      status: 400,
      json: { code: 'invalid-request', errors: [{ path: field }] },
    });
  });

  it('is rejected on a connection that is not active or does not exist', async () => {
    await api.connections.setState(
      { venueId, connectionId },
      { state: 'needs-reauth', cause: 'revoked', nextAction: 'Enter a new key.' },
    );
    expect(await start()).toMatchObject({
      status: 409,
      json: { code: 'connection-not-active', detail: 'The connection is needs-reauth. Enter a new key.' },
    });
    expect(await start({ connectionId: '019a0000-0000-7000-8000-000000000000' })).toMatchObject({
      status: 404,
      json: { code: 'connection-not-found' },
    });
  });
});

describe('a sync run', () => {
  it('shows its progress and its estimated time left', async () => {
    const { id } = (await start()).json;
    await api.database
      .admin`update sync_runs set done = 40, total = 100, rate_per_second = 7, phase = 'running', started_at = now() where id = ${id}`;
    expect((await api.send('GET', `${path}/${id}`)).json).toMatchObject({
      phase: 'running',
      progress: { done: 40, total: 100, ratePerSecond: 7, estimatedSecondsLeft: 9 },
    });
  });

  it.each([
    ['while nobody knows the total', { total: null }],
    ['while no rate is measured', { rate_per_second: 0 }],
    [
      'while it waits',
      { phase: 'waiting', waiting_for: { what: 'rate-limit', since: '2026-11-21T10:00:00.000Z', until: null } },
    ],
    ['while it waits for approval', { phase: 'awaiting-approval', awaiting: { archiving: 30, of: 100 } }],
    ['when it is over', { phase: 'finished', finished_at: new Date() }],
  ])('has no estimate %s', async (_case, row) => {
    const { id } = (await start()).json;
    const { admin } = api.database;
    await admin`update sync_runs set ${admin({ done: 40, total: 100, rate_per_second: 7, phase: 'running', ...row } as never)} where id = ${id}`;
    expect((await api.send('GET', `${path}/${id}`)).json).toMatchObject({
      progress: { done: 40, estimatedSecondsLeft: null },
    });
  });

  it('shows what it waits for, and what needs approval', async () => {
    const { id } = (await start()).json;
    const waitingFor = { what: 'needs-reauth', since: '2026-11-21T10:00:00.000Z', until: '2026-11-21T11:00:00.000Z' };
    const { admin } = api.database;
    await admin`update sync_runs set phase = 'awaiting-approval', waiting_for = ${admin.json(waitingFor)}, awaiting = ${admin.json({ archiving: 30, of: 100 })} where id = ${id}`;
    expect((await api.send('GET', `${path}/${id}`)).json).toMatchObject({
      waitingFor,
      awaiting: { archiving: 30, of: 100 },
      approvedAt: null,
    });
  });

  it('is listed newest first, by connection, page by page', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      const { id } = (await start()).json;
      ids.unshift(id);
      await api.progress.finish(inputOf(id), { outcome: 'completed', error: null, plan: null, watermark: null });
    }
    const first = await api.send('GET', `${path}?limit=2&connectionId=${connectionId}`);
    const second = await api.send(
      'GET',
      `${path}?limit=2&connectionId=${connectionId}&cursor=${first.json.nextCursor ?? ''}`,
    );
    expect([...first.json.data, ...second.json.data].map(({ id }) => id)).toEqual(ids);
    expect(second.json.nextCursor).toBeNull();
    expect((await api.send('GET', `${path}?connectionId=019a0000-0000-7000-8000-000000000000`)).json.data).toEqual([]);
  });

  it('shows its log with every rejected record and the reason, by level and action, page by page', async () => {
    const { id } = (await start()).json;
    for (let index = 0; index < 5; index += 1) await reject(id, `c${index}`);
    const all = await api.send('GET', `${path}/${id}/log`);
    expect(all.json.data.map(({ action }) => action)).toEqual([
      'phase',
      ...Array.from({ length: 5 }, () => 'rejected'),
    ]);
    expect(all.json.data[1]).toMatchObject({
      level: 'warn',
      sourceId: 'c0',
      code: 'email-invalid',
      message: 'Stripe refuses the address.',
    });
    const first = await api.send('GET', `${path}/${id}/log?action=rejected&limit=3`);
    const second = await api.send(
      'GET',
      `${path}/${id}/log?action=rejected&limit=3&cursor=${first.json.nextCursor ?? ''}`,
    );
    expect([...first.json.data, ...second.json.data].map(({ sourceId }) => sourceId)).toEqual([
      'c0',
      'c1',
      'c2',
      'c3',
      'c4',
    ]);
    expect((await api.send('GET', `${path}/${id}/log?level=error`)).json).toEqual({ data: [], nextCursor: null });
    expect(await api.send('GET', `${path}/${id}/log?level=loud`)).toMatchObject({ status: 400 });
  });
});

async function reject(id: string, sourceId: string): Promise<void> {
  await api.database.admin`insert into sync_logs (venue_id, sync_id, level, action, source_id, code, message)
    values (${venueId}, ${id}, 'warn', 'rejected', ${sourceId}, 'email-invalid', 'Stripe refuses the address.')`;
}
