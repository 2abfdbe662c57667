import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { aConnection } from '../../db/builders.ts';
import { aToken, createApiWorld } from '../api-world.ts';
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

const { start, end, startedFor } = syncRequests(() => ({ api, venueId, connectionId }));

const setPhase = (id: string, phase: string) =>
  api.database.admin`update sync_runs set phase = ${phase} where id = ${id}`;
const audited = async (id: string) =>
  (
    await api.database.admin<
      { action: string; actor: string }[]
    >`select action, actor from audit_log where target_id = ${id} order by id`
  ).map(({ action, actor }) => `${actor} ${action}`);

describe('cancelling a sync', () => {
  const cancel = (id: string) => api.send('POST', `${path}/${id}/cancel`);

  it('asks its workflow to stop, and may be repeated', async () => {
    const { id } = (await start()).json;
    expect([(await cancel(id)).status, (await cancel(id)).status]).toEqual([202, 202]);
    expect(api.gateway.cancelled.filter((run) => run.id === id).length).toBe(2);
  });

  it('answers 409 when the run is over', async () => {
    const { id } = (await start()).json;
    await end(id, 'completed');
    expect(await cancel(id)).toMatchObject({ status: 409, json: { code: 'sync-finished' } });
  });

  it('starts the workflow of a run that has none, cancelled from the beginning', async () => {
    const { run } = await api.runs.openOrJoin({
      venueId,
      connectionId,
      provider: 'stripe',
      resource: 'customers',
      direction: 'push',
      mode: 'full',
      requestedBy: 'x',
    });
    expect(await cancel(run.id)).toMatchObject({ status: 202 });
    expect(startedFor(run.id)).toBe(1);
    expect(api.gateway.cancelled.filter((other) => other.id === run.id).length).toBe(1);
  });

  it('answers 503 when Temporal is away', async () => {
    const { id } = (await start()).json;
    api.gateway.away = true;
    expect(await cancel(id)).toMatchObject({ status: 503, json: { code: 'temporal-unavailable' } });
    api.gateway.away = false;
  });
});

describe('approving a sync', () => {
  const approve = (id: string, headers = {}) => api.send('POST', `${path}/${id}/approve`, { headers });
  const approvals = (id: string) => api.gateway.approved.filter(({ run }) => run.id === id);

  it('signals who approved to the run, and records it in the audit log', async () => {
    const { id } = (await start()).json;
    await setPhase(id, 'awaiting-approval');
    const token = await aToken({ sub: 'alice', role: 'operator', venues: [venueId] });
    expect(await api.send('POST', `${path}/${id}/approve`, { token })).toMatchObject({
      status: 202,
      json: { id, phase: 'awaiting-approval' },
    });
    expect(approvals(id)).toMatchObject([{ by: 'alice' }]);
    expect(await audited(id)).toEqual(['tester sync.started', 'alice sync.approved']);
  });

  it('signals the approved count to the run; the answer shows only its two numbers', async () => {
    const { id } = (await start()).json;
    await setPhase(id, 'awaiting-approval');
    const awaiting = { archiving: 30, of: 100, archived: 2, newestDeletionEpochUs: 1_700_000_000_000_001 };
    await api.database.admin`update sync_runs set awaiting = ${api.database.admin.json(awaiting)} where id = ${id}`;
    expect((await approve(id)).status).toBe(202);
    expect(((await approve(id)).json as unknown as { awaiting: object }).awaiting).toEqual({ archiving: 30, of: 100 });
    expect(approvals(id)).toMatchObject([{ awaiting }, { awaiting }]);
  });

  it('may be repeated, before and after the run has received it', async () => {
    const { id } = (await start()).json;
    await setPhase(id, 'awaiting-approval');
    expect([(await approve(id)).status, (await approve(id)).status]).toEqual([202, 202]);
    await api.database
      .admin`update sync_runs set phase = 'running', approved_at = now(), approved_by = 'tester' where id = ${id}`;
    const late = await approve(id);
    expect(late).toMatchObject({ status: 202, json: { phase: 'running' } });
    expect((late.json as unknown as { approvedAt: string }).approvedAt).toMatch(/Z$/);
    expect(approvals(id)).toHaveLength(2);
  });

  it('under one Idempotency-Key happens once', async () => {
    const { id } = (await start()).json;
    await setPhase(id, 'awaiting-approval');
    const answers = await Promise.all([1, 2, 3].map(() => approve(id, { 'idempotency-key': 'yes' })));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(approvals(id)).toHaveLength(1);
  });

  it.each(['queued', 'running', 'waiting', 'finishing'])('answers 409 while the run is %s', async (phase) => {
    const { id } = (await start()).json;
    await setPhase(id, phase);
    expect(await approve(id)).toMatchObject({ status: 409, json: { code: 'not-awaiting-approval' } });
    expect(approvals(id)).toEqual([]);
  });

  it('answers 409 when the run was cancelled instead', async () => {
    const { id } = (await start()).json;
    await setPhase(id, 'awaiting-approval');
    await end(id, 'cancelled');
    expect(await approve(id)).toMatchObject({ status: 409, json: { code: 'not-awaiting-approval' } });
  });

  it('starts a new workflow for a run that lost its own, and asks for a retry', async () => {
    const { id } = (await start()).json;
    await setPhase(id, 'awaiting-approval');
    api.gateway.running.delete(id);
    const answer = await approve(id);
    expect(answer).toMatchObject({ status: 503, json: { code: 'temporal-unavailable' } });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(startedFor(id)).toBe(2);
    expect((await approve(id)).status).toBe(202);
  });
});

describe('retrying a sync', () => {
  const retry = (id: string, headers = {}) => api.send('POST', `${path}/${id}/retry`, { headers });

  it.each(['failed', 'cancelled'] as const)(
    'restarts a run that %s under the same id, with a workflow of its own',
    async (outcome) => {
      const { id } = (await start()).json;
      await api.database.admin`update sync_runs set done = 40, read_count = 40 where id = ${id}`;
      await end(id, outcome);
      const answer = await retry(id);
      expect(answer).toMatchObject({
        status: 202,
        json: {
          id,
          phase: 'queued',
          outcome: null,
          error: null,
          finishedAt: null,
          progress: { done: 40 },
          runId: api.gateway.running.get(id),
        },
      });
      expect(startedFor(id)).toBe(2);
      expect(await audited(id)).toEqual(['tester sync.started', 'tester sync.retried']);
    },
  );

  it.each(['completed', 'completed-with-rejections'] as const)('answers 409 for one that is %s', async (outcome) => {
    const { id } = (await start()).json;
    await end(id, outcome);
    expect(await retry(id)).toMatchObject({ status: 409, json: { code: 'sync-finished' } });
    expect(startedFor(id)).toBe(1);
  });

  it('names the other open run of the same sync; a dry run does not block it', async () => {
    const { id } = (await start()).json;
    await end(id, 'failed');
    const dry = await start({ dryRun: true });
    const other = await start();
    const answer = await retry(id);
    expect(answer).toMatchObject({ status: 409, json: { code: 'sync-already-open' } });
    expect(answer.json.detail).toContain(other.json.id);
    await end(other.json.id, 'completed');
    expect(await retry(id)).toMatchObject({ status: 202 });
    expect(dry.status).toBe(202);
  });

  it.each(['queued', 'estimating', 'running', 'awaiting-approval', 'finishing'])(
    'answers 409 while the run is %s and has its workflow',
    async (phase) => {
      const { id } = (await start()).json;
      await setPhase(id, phase);
      expect(await retry(id)).toMatchObject({ status: 409, json: { code: 'sync-running' } });
      expect(startedFor(id)).toBe(1);
    },
  );

  it('makes a waiting run look again at once', async () => {
    const { id } = (await start()).json;
    await setPhase(id, 'waiting');
    expect((await retry(id)).status).toBe(202);
    expect(api.gateway.woken.filter((run) => run.id === id)).toHaveLength(1);
    expect(startedFor(id)).toBe(1);
  });

  it.each(['waiting', 'running', 'queued'])(
    'starts a new workflow for a run that is %s and lost its own',
    async (phase) => {
      const { id } = (await start()).json;
      await setPhase(id, phase);
      api.gateway.running.delete(id);
      expect(await retry(id)).toMatchObject({ status: 202, json: { runId: api.gateway.running.get(id) } });
      expect(startedFor(id)).toBe(2);
    },
  );

  it('is rejected on a connection that is not active, with what to do', async () => {
    const { id } = (await start()).json;
    await end(id, 'failed');
    await api.connections.setState(
      { venueId, connectionId },
      { state: 'needs-reauth', cause: 'revoked', nextAction: null },
    );
    const answer = await retry(id);
    expect(answer).toMatchObject({ status: 409, json: { code: 'connection-not-active' } });
    expect(answer.json.detail).toContain('enter a valid key');
  });

  it('that failed because Temporal was away succeeds when repeated', async () => {
    const { id } = (await start()).json;
    await end(id, 'failed');
    const untilClosed = api.gateway.untilClosed.bind(api.gateway);
    api.gateway.untilClosed = async (run) => {
      await untilClosed(run);
      api.gateway.away = true;
    };
    expect(await retry(id)).toMatchObject({ status: 503, json: { code: 'temporal-unavailable' } });
    Object.assign(api.gateway, { untilClosed, away: false });
    expect((await api.send('GET', `${path}/${id}`)).json).toMatchObject({ phase: 'queued', finishedAt: null });
    expect(await retry(id)).toMatchObject({ status: 202, json: { runId: api.gateway.running.get(id) } });
    expect(startedFor(id)).toBe(2);
  });

  it('under one Idempotency-Key happens once, and the answer is returned again', async () => {
    const { id } = (await start()).json;
    await end(id, 'failed');
    const first = await retry(id, { 'idempotency-key': 'again' });
    await end(id, 'failed');
    const second = await retry(id, { 'idempotency-key': 'again' });
    expect([first.status, second.status, second.text]).toEqual([202, 202, first.text]);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(startedFor(id)).toBe(2);
  });

  it('many times at once starts one workflow, and every caller gets a true answer', async () => {
    const { id } = (await start()).json;
    await end(id, 'failed');
    const answers = await Promise.all(Array.from({ length: 6 }, () => retry(id)));
    for (const { status } of answers) expect([202, 409]).toContain(status);
    expect(answers.some(({ status }) => status === 202)).toBe(true);
    expect((await api.send('GET', `${path}/${id}`)).json).toMatchObject({ finishedAt: null, phase: 'queued' });
  });
});
