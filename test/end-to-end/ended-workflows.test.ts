import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepConnectionFreshWorkflowId } from '../../contracts/connections.ts';
import type { ConnectionId } from '../../contracts/ids.ts';
import { SWEEP_CONNECTIONS } from '../../contracts/inbox.ts';
import type { SweepConnectionsResult } from '../../contracts/inbox.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { until } from '../support/eventually.ts';
import { ownerBrowser } from '../support/owner-browser.ts';
import { mailchimpSandboxControl } from '../support/sandbox/mailchimp-account.ts';
import { oauthControl } from '../support/sandbox/sandbox-oauth.ts';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import type { ConnectionBody } from '../support/service-client.ts';
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
