import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepConnectionFreshWorkflowId } from '../../contracts/connections.ts';
import { retryDeadLettersWorkflowId } from '../../contracts/dead-letters.ts';
import type { ConnectionId, VenueId } from '../../contracts/ids.ts';
import { SWEEP_CONNECTIONS } from '../../contracts/inbox.ts';
import type { SweepConnectionsResult } from '../../contracts/inbox.ts';
import { reprojectWorkflowId } from '../../contracts/mappings.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { until } from '../support/eventually.ts';
import { ownerBrowser } from '../support/owner-browser.ts';
import { mailchimpSandboxControl } from '../support/sandbox/mailchimp-account.ts';
import { oauthControl } from '../support/sandbox/sandbox-oauth.ts';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import type { ConnectionBody, SyncBody } from '../support/service-client.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 120_000);
afterAll(() => system.stop());

interface Venue {
  readonly venueId: string;
  readonly connectionId: string;
  readonly account: StripeAccount;
}

async function aVenue(): Promise<Venue> {
  const [account, venueId] = await Promise.all([system.stripe.addAccount(), system.api.createVenue()]);
  await account.seed(3);
  return { venueId, connectionId: (await system.api.connect(venueId, account.secretKey)).id, account };
}

const terminate = (workflowId: string) => system.temporal.workflow.getHandle(workflowId).terminate('by an operator');
/** Begins the workflow again at its first task, as the Web UI does. */
async function reset(workflowId: string): Promise<void> {
  const handle = system.temporal.workflow.getHandle(workflowId);
  const [{ runId }, { events }] = await Promise.all([handle.describe(), handle.fetchHistory()]);
  const first = events?.find((event) => event.workflowTaskCompletedEventAttributes);
  await system.temporal.workflowService.resetWorkflowExecution({
    namespace: system.temporal.options.namespace,
    ...{ workflowExecution: { workflowId, runId }, requestId: randomUUID() },
    workflowTaskFinishEventId: first?.eventId ?? null,
  });
}
/** As if nothing had happened to the row for an hour. */
const age = (table: string, id: string, key = 'id') =>
  system.database`update ${system.database(table)} set updated_at = now() - interval '1 hour' where ${system.database(key)} = ${id}`;
const sweep = async (): Promise<SweepConnectionsResult> =>
  (await system.temporal.workflow.execute(SWEEP_CONNECTIONS, {
    taskQueue: WORKFLOW_QUEUE,
    workflowId: `sweep/${randomUUID()}`,
  })) as SweepConnectionsResult;

const pull = ({ venueId, connectionId }: Venue) => system.api.start(venueId, { connectionId, direction: 'pull' });
const isWaiting = { what: 'waits', when: ({ phase }: { readonly phase: string }) => phase === 'waiting' };
/** A run that waits for a key, and so stays open. */
async function aWaitingRun(venue: Venue) {
  await venue.account.fault({ kind: 'revoke' });
  return system.api.reached(venue.venueId, (await pull(venue)).id, isWaiting);
}

describe('a sync whose workflow an operator terminates', () => {
  it('fails with what to do, after which another begins; one whose workflow runs goes on, however long it waits', async () => {
    const [venue, other] = await Promise.all([aVenue(), aVenue()]);
    const [run, left] = await Promise.all([aWaitingRun(venue), aWaitingRun(other)]);
    await terminate(run.workflowId);
    await Promise.all([age('sync_runs', run.id), age('sync_runs', left.id)]);
    await sweep();
    expect(await system.api.run(venue.venueId, run.id)).toMatchObject({
      ...{ phase: 'finished', outcome: 'failed', waitingFor: null },
      error: { code: 'workflow-ended', nextAction: expect.stringContaining('retry') as string },
    });
    expect(await system.api.run(other.venueId, left.id)).toMatchObject({ phase: 'waiting', finishedAt: null });

    await venue.account.clearFaults();
    await system.api.connect(venue.venueId, venue.account.secretKey);
    const next = await pull(venue);
    expect(next.id).not.toBe(run.id);
    expect(await system.api.finished(venue.venueId, next.id)).toMatchObject({ outcome: 'completed' });
  }, 60_000);

  it('is left alone for as long as it was touched a moment ago, and goes on by a retry', async () => {
    const venue = await aVenue();
    const run = await aWaitingRun(venue);
    await terminate(run.workflowId);
    await sweep();
    expect(await system.api.run(venue.venueId, run.id)).toMatchObject({ finishedAt: null });
    await age('sync_runs', run.id);
    await sweep();
    expect(await system.api.run(venue.venueId, run.id)).toMatchObject({ outcome: 'failed' });
    await venue.account.clearFaults();
    await system.api.connect(venue.venueId, venue.account.secretKey);
    expect(await system.api.tryPost(`/v1/venues/${venue.venueId}/syncs/${run.id}/retry`, {})).toMatchObject({
      body: { id: run.id },
    });
    expect(await system.api.finished(venue.venueId, run.id)).toMatchObject({ outcome: 'completed' });
  }, 60_000);
});

it('a run and a reconciliation that never had a workflow, because Temporal was away, get one and complete', async () => {
  const venue = await aVenue();
  const { venueId, connectionId } = venue;
  await venue.account.fault({ kind: 'revoke' });
  const orders = [
    ['syncs', { connectionId, resource: 'customers', direction: 'pull', mode: 'full' }],
    ['reconciliations', { connectionId, from: '2026-03-08', to: '2026-03-08' }],
  ] as const;
  const asked = await Promise.all(
    orders.map(async ([kind, order]) => {
      const { body } = await system.api.tryPost(`/v1/venues/${venueId}/${kind}`, order);
      return body as { readonly id: string; readonly workflowId: string };
    }),
  );
  const shown = (index: number) =>
    system.api.get<{ readonly phase: string }>(`/v1/venues/${venueId}/${orders[index]![0]}/${asked[index]!.id}`);
  for (const index of [0, 1])
    await until(async () => (await shown(index)).phase === 'waiting', { limitMs: 30_000, what: 'it waits' });
  await Promise.all(asked.map(({ workflowId }) => terminate(workflowId)));
  // As the API leaves a row whose workflow it could not start.
  await system.database`update sync_runs set workflow_run_id = null, phase = 'queued' where id = ${asked[0]!.id}`;
  await system.database`update reconciliations set workflow_run_id = null where id = ${asked[1]!.id}`;
  await venue.account.clearFaults();
  await system.api.connect(venueId, venue.account.secretKey);
  await Promise.all([age('sync_runs', asked[0]!.id), age('reconciliations', asked[1]!.id)]);
  expect((await sweep()).settled).toBeGreaterThanOrEqual(2);
  expect(await system.api.finished(venueId, asked[0]!.id)).toMatchObject({ outcome: 'completed' });
  await until(async () => (await shown(1)).phase === 'finished', { limitMs: 30_000, what: 'it is over' });
  expect(await shown(1)).toMatchObject({ outcome: 'completed' });
}, 90_000);

describe('a mapping whose reprojection', () => {
  const fields = [{ target: 'phone', source: 'metadata.mobile' }];
  /** A reprojection whose run waits for a key. */
  async function aWaitingReprojection() {
    const venue = await aVenue();
    const { venueId, connectionId, account } = venue;
    await system.api.load(venueId, [{ sourceId: 'c-1', name: 'Ada', phone: '1', metadata: { mobile: '2' } }]);
    await system.api.sync(venueId, { connectionId, direction: 'push' });
    await account.fault({ kind: 'revoke' });
    const path = `/v1/venues/${venueId}/connections/${connectionId}/mappings/customers`;
    expect(await system.api.tryPut(path, { fields })).toMatchObject({ status: 200 });
    const runs = async () =>
      (await system.api.get<{ readonly data: readonly SyncBody[] }>(`/v1/venues/${venueId}/syncs`)).data;
    await until(async () => (await runs())[0]?.phase === 'waiting', { limitMs: 30_000, what: 'its run waits' });
    const goesOn = async () => {
      await account.clearFaults();
      await system.api.connect(venueId, account.secretKey);
    };
    const isReprojected = () =>
      until(async () => (await system.api.get<{ readonly reprojectedAt: string | null }>(path)).reprojectedAt, {
        ...{ limitMs: 40_000, what: 'every record is written again' },
      });
    return { goesOn, isReprojected, workflowId: reprojectWorkflowId(connectionId as ConnectionId, 'customers') };
  }

  it('is terminated is shown as reprojected once the run has ended, which goes on by itself', async () => {
    const { goesOn, isReprojected, workflowId } = await aWaitingReprojection();
    await terminate(workflowId);
    await goesOn();
    await isReprojected();
  }, 90_000);

  it('is reset, or has lost the child that waits for the run, goes on to its end', async () => {
    const [one, other] = await Promise.all([aWaitingReprojection(), aWaitingReprojection()]);
    await reset(one.workflowId);
    await terminate(`${other.workflowId}/push`);
    await Promise.all([one.goesOn(), other.goesOn()]);
    await Promise.all([one.isReprojected(), other.isReprojected()]);
    const handles = [one, other].map(({ workflowId }) => system.temporal.workflow.getHandle(workflowId));
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([{ version: 1 }, { version: 1 }]);
  }, 90_000);
});

it('a retry of dead letters whose child is cancelled stays, and leaves the venue’s other retries alone', async () => {
  const { venueId, connectionId, account } = await aVenue();
  await system.api.load(venueId, [{ sourceId: 'c-0', name: 'Ada' }]);
  await account.fault({ kind: 'status', status: 400, match: { path: '/v1/customers' } });
  await system.api.sync(venueId, { connectionId, direction: 'push' });
  await account.clearFaults();
  await account.fault({ kind: 'revoke' });
  const path = `/v1/venues/${venueId}/dead-letters`;
  await system.api.tryPost(`${path}/retry`, {});
  const child = `retry-dead-letters/${connectionId}/customers/push`;
  const runs = async () =>
    (await system.api.get<{ readonly data: readonly SyncBody[] }>(`/v1/venues/${venueId}/syncs`)).data;
  await until(async () => (await runs())[0]?.phase === 'waiting', { limitMs: 30_000, what: 'its run waits' });
  await system.temporal.workflow.getHandle(child).cancel();
  const statusOf = async (id: string) => (await system.temporal.workflow.getHandle(id).describe()).status.name;
  await until(async () => (await statusOf(child)) === 'CANCELLED', { limitMs: 20_000, what: 'the child is cancelled' });
  await account.clearFaults();
  await system.api.connect(venueId, account.secretKey);
  const states = async () =>
    (await system.api.get<{ readonly data: readonly { readonly state: string }[] }>(path)).data.map(
      ({ state }) => state,
    );
  await until(async () => (await states()).every((state) => state === 'resolved'), {
    ...{ limitMs: 40_000, what: 'the entry is resolved' },
  });
  await system.temporal.workflow.getHandle(retryDeadLettersWorkflowId(venueId as VenueId)).result();
}, 90_000);

it('a reconciliation whose workflow is terminated fails, and no longer keeps those of other days from beginning', async () => {
  const { venueId, connectionId, account } = await aVenue();
  await account.fault({ kind: 'revoke' });
  const path = `/v1/venues/${venueId}/reconciliations`;
  const start = (day: string) => system.api.tryPost(path, { connectionId, from: day, to: day });
  const { body } = await start('2026-03-08');
  const { id, workflowId } = body as { readonly id: string; readonly workflowId: string };
  const shown = () => system.api.get<{ readonly phase: string }>(`${path}/${id}`);
  await until(async () => (await shown()).phase === 'waiting', { limitMs: 30_000, what: 'it waits' });
  await terminate(workflowId);
  await account.clearFaults();
  await system.api.connect(venueId, account.secretKey);
  expect(await start('2026-03-09')).toMatchObject({ status: 409, body: { code: 'reconciliation-running' } });
  await age('reconciliations', id);
  await sweep();
  expect(await shown()).toMatchObject({ phase: 'finished', outcome: 'failed', error: { code: 'workflow-ended' } });
  expect(await start('2026-03-09')).toMatchObject({ status: 202 });
}, 60_000);

it('a disconnection whose workflow is terminated is taken up again: the access is revoked, the credentials and the records are deleted', async () => {
  const venueId = await system.api.createVenue();
  const path = `/v1/venues/${venueId}/connections`;
  const { body } = await system.api.tryPost(path, { provider: 'square', environment: 'sandbox', flow: 'code' });
  const { id, authorizationUrl } = body as { readonly id: string; readonly authorizationUrl: string };
  const square = oauthControl(system.sandbox.square.controlUrl);
  const browser = ownerBrowser(() => system.apiUrl);
  const account = (await square.addAccount()).id;
  const { redirectUrl } = await square.approve(await browser.open(authorizationUrl), account);
  expect((await browser.visit(redirectUrl)).status).toBe(200);
  const { controlUrl } = system.sandbox.square;
  const tell = (what: string, more: object) =>
    fetch(`${controlUrl}/${what}`, { method: 'POST', body: JSON.stringify({ account, ...more }) });
  await tell('seed', { resource: 'customers', count: 3 });
  await system.api.sync(venueId, { connectionId: id, direction: 'pull' });
  await tell('faults', { kind: 'status', status: 503, times: 1_000, match: { path: '/oauth2/revoke' } });
  expect((await system.api.tryDelete(`${path}/${id}?records=delete`)).status).toBe(202);
  const reaches = (state: ConnectionBody['state']) =>
    until(async () => (await system.api.connection(venueId, id)).state === state, {
      limitMs: 40_000,
      what: `the connection is ${state}`,
    });
  await reaches('disconnecting');
  await terminate(keepConnectionFreshWorkflowId(id as ConnectionId));
  await fetch(`${controlUrl}/faults`, { method: 'DELETE' });
  await age('connections', id);
  await sweep();
  await reaches('disconnected');
  expect(await square.grants(account)).toMatchObject([{ endedBy: 'app' }]);
  expect(await system.database`select from oauth_tokens where connection_id = ${id}`).toHaveLength(0);
  expect(await system.api.customers(venueId)).toEqual([]);
}, 90_000);

it('a registration of a webhook address whose workflow is gone has failed, and a rotation of keys too', async () => {
  const account = await mailchimpSandboxControl(system.sandbox.mailchimp).addAccount();
  const venueId = await system.api.createVenue();
  const connected = await system.api.tryPost(`/v1/venues/${venueId}/connections`, {
    ...{ provider: 'mailchimp', environment: 'production', credentials: { secretKey: account.apiKey } },
  });
  const { id: connectionId } = connected.body as { readonly id: string };
  const path = `/v1/venues/${venueId}/connections/${connectionId}/webhook-endpoint`;
  await system.api.tryPost(path, {});
  const registration = async () => (await system.api.get<{ readonly registration: object }>(path)).registration;
  await until(
    async () => 'state' in (await registration()) && JSON.stringify(await registration()).includes('registered'),
    {
      limitMs: 30_000,
      what: 'the address is registered',
    },
  );
  await system.database`update webhook_endpoints set registration = 'pending' where connection_id = ${connectionId}`;
  const rotated = await system.api.tryPost('/v1/admin/keys/rotate', {});
  const { id: jobId } = rotated.body as { readonly id: string };
  const job = () => system.api.get<{ readonly outcome: string | null }>(`/v1/admin/jobs/${jobId}`);
  await until(async () => (await job()).outcome !== null, { limitMs: 30_000, what: 'the rotation has ended' });
  await system.database`update admin_jobs set phase = 'running', outcome = null, finished_at = null where id = ${jobId}`;
  await Promise.all([age('webhook_endpoints', connectionId, 'connection_id'), age('admin_jobs', jobId)]);
  await sweep();
  expect(await registration()).toMatchObject({ state: 'failed', code: 'workflow-ended' });
  expect(await job()).toMatchObject({ phase: 'finished', outcome: 'failed', errorType: 'WorkflowEnded' });
}, 60_000);

describe('a rotation of keys that has not begun', () => {
  const outcomeOf = async (id: string) =>
    (await system.api.get<{ readonly outcome: string | null }>(`/v1/admin/jobs/${id}`)).outcome;
  async function aFinishedRotation() {
    const { body } = await system.api.tryPost('/v1/admin/keys/rotate', {});
    const { id, targetKey } = body as { readonly id: string; readonly targetKey: string };
    await until(async () => (await outcomeOf(id)) !== null, { limitMs: 30_000, what: 'the rotation has ended' });
    return { id, targetKey };
  }

  it('gets its workflow when it never had one, because Temporal was away, and completes', async () => {
    const { targetKey } = await aFinishedRotation();
    const id = randomUUID();
    await system.database`
      insert into admin_jobs (id, kind, target_key, requested_by)
      values (${id}, 'rotate-vault-keys', ${targetKey}, 'a person')`;
    await sweep();
    expect(await outcomeOf(id)).toBeNull();
    await age('admin_jobs', id);
    expect((await sweep()).settled).toBeGreaterThanOrEqual(1);
    await until(async () => (await outcomeOf(id)) !== null, { limitMs: 30_000, what: 'the rotation has ended' });
    expect(await outcomeOf(id)).toBe('completed');
  }, 60_000);

  it('has failed when its workflow was ended before its first step', async () => {
    const { id } = await aFinishedRotation();
    await system.database`
      update admin_jobs set phase = 'queued', outcome = null, started_at = null, finished_at = null where id = ${id}`;
    await age('admin_jobs', id);
    await sweep();
    expect(await system.api.get(`/v1/admin/jobs/${id}`)).toMatchObject({
      outcome: 'failed',
      errorType: 'WorkflowEnded',
    });
  }, 60_000);
});
