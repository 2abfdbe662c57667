import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SYNC_CONNECTION, syncWorkflowId } from '../../contracts/sync.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { syncInputOf } from '../../db/runs/sync-input.ts';
import { createSyncRunStore } from '../../db/runs/sync-run-store.ts';
import { createGrantWorld } from '../support/worlds/grant-world.ts';
import type { GrantWorld, TestGrant } from '../support/worlds/grant-world.ts';

let world: GrantWorld;
beforeAll(async () => {
  world = await createGrantWorld();
  await world.aWorker();
}, 120_000);
afterAll(() => world.close());

/** Starts a pull of the account's customers. */
async function aRun({ venueId, connectionId, provider }: TestGrant) {
  const { run } = await createSyncRunStore(world.database.db).openOrJoin({
    venueId,
    connectionId,
    provider,
    resource: 'customers',
    direction: 'pull',
    mode: 'full',
    requestedBy: 'a test',
  });
  const input = syncInputOf(run);
  const handle = await world.client.workflow.start(SYNC_CONNECTION, {
    workflowId: syncWorkflowId(input),
    taskQueue: WORKFLOW_QUEUE,
    args: [input],
  });
  const state = async () =>
    (await world.admin`select phase, outcome, waiting_for from sync_runs where id = ${run.id}`)[0];
  return { handle, state };
}

describe('a sync of a connection with a grant', () => {
  it.each(['connect', 'app'] as const)('reads the account’s own records: %s', async (flow) => {
    const grant = await world.aGrant('stripe', flow);
    await world.controls.stripe.send('POST', '/seed', { account: grant.account, resource: 'customers', count: 7 });
    const { handle } = await aRun(grant);
    expect(await handle.result()).toMatchObject({ outcome: 'completed', counts: { created: 7 } });
  });

  it('refreshes a token that the provider has ended early and goes on', async () => {
    const grant = await world.aGrant('stripe', 'app');
    await world.controls.stripe.send('POST', '/seed', { account: grant.account, resource: 'customers', count: 7 });
    await world.controls.stripe.expire(grant.account);
    const { handle } = await aRun(grant);
    expect(await handle.result()).toMatchObject({ outcome: 'completed', counts: { created: 7 } });
    expect(await world.row(grant)).toMatchObject({ state: 'active', generation: 2 });
    expect(await world.refreshCalls(grant)).toHaveLength(1);
  });

  it('waits when the access was revoked', async () => {
    const grant = await world.aGrant('stripe', 'app');
    await world.controls.stripe.revoke(grant.account);
    const { handle, state } = await aRun(grant);
    await expect
      .poll(state, { timeout: 20_000 })
      .toMatchObject({ phase: 'waiting', outcome: null, waiting_for: { what: 'needs-reauth' } });
    expect(await world.row(grant)).toMatchObject({ state: 'needs-reauth' });
    expect(await world.refreshCalls(grant)).toHaveLength(1);
    await handle.cancel();
    await handle.result().catch(() => undefined);
  });

  it('waits while its expired token cannot be refreshed, and goes on by itself once the provider is back', async () => {
    const grant = await world.aGrant('stripe', 'app');
    await world.expire(grant);
    await world.controls.stripe.fault({ kind: 'status', status: 503, match: { path: '/v1/oauth/token' } });
    const { handle } = await aRun(grant);
    await expect.poll(() => world.row(grant), { timeout: 20_000 }).toMatchObject({ state: 'degraded' });
    await world.controls.stripe.clearFaults();
    expect(await handle.result()).toMatchObject({ outcome: 'completed' });
    expect(await world.row(grant)).toMatchObject({ state: 'active' });
  }, 90_000);
});
