import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import type { AuthorizationCallback } from '../../contracts/connections.ts';
import type { VenueId } from '../../contracts/ids.ts';
import type { OAuthFlow } from '../../contracts/providers.ts';
import { REMOVE_EXPIRED_ROWS } from '../../contracts/retention.ts';
import type { RemoveExpiredRowsInput, RemoveExpiredRowsResult } from '../../contracts/retention.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { until } from '../support/eventually.ts';
import type { ConnectionWorld, StartedAttempt } from '../support/worlds/connection-world.ts';
import { useConnectionWorld } from './connection-suite.ts';

type Revoking = 'stripe' | 'square' | 'quickbooks';
const FLOWS = [
  ['stripe', 'connect'],
  ['square', 'code'],
  ['square', 'pkce'],
  ['quickbooks', 'code'],
] as const satisfies readonly (readonly [Revoking, OAuthFlow])[];

/** What answers the question whose account a grant is. */
const ACCOUNT_PATH = { stripe: '/v1/account', square: '/v2/merchants', quickbooks: '/v3/company' } as const;

describe('the grant of an attempt to connect that an operator terminates', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  useConnectionWorld((given, newVenue) => {
    world = given;
    venueId = newVenue;
  });

  const liveGrants = async (provider: Revoking, account: string) =>
    (await world.control[provider].grants(account)).filter(({ endedAtMs }) => endedAtMs === null);
  const rowsOf = ({ connectionId }: StartedAttempt) =>
    world.database.admin`select state from authorization_exchanges where connection_id = ${connectionId}`;
  const age = ({ connectionId }: StartedAttempt, interval: string) =>
    world.database
      .admin`update authorization_exchanges set created_at = now() - ${interval}::interval where connection_id = ${connectionId}`;
  /** What the schedule of the retention does each hour. */
  const removeExpired = async (...tables: RemoveExpiredRowsInput['rules'][number]['table'][]) =>
    (await world.client.workflow.execute(REMOVE_EXPIRED_ROWS, {
      args: [{ rules: tables.map((table) => ({ table, keptDays: null })) } satisfies RemoveExpiredRowsInput],
      taskQueue: WORKFLOW_QUEUE,
      workflowId: `retention-${uuidv7()}`,
    })) as RemoveExpiredRowsResult;

  /** Removes hour after hour: a circuit that the faults have opened lets a call through only after a second. */
  const removedAtLast = (attempt: StartedAttempt) =>
    until(
      async () => {
        await removeExpired('authorization_exchanges');
        return (await rowsOf(attempt)).length === 0;
      },
      { limitMs: 30_000, what: 'the row is gone' },
    );

  /** An attempt whose code has brought a grant, and that cannot go on: the provider does not tell whose account it is. */
  async function holdingAGrant(provider: Revoking, flow: OAuthFlow) {
    const { id: account } = await world.control[provider].addAccount();
    const attempt = await world.begin(venueId, provider, { flow });
    const callback: AuthorizationCallback = await world.approve(attempt, account);
    await world.control[provider].fault({
      match: { path: ACCOUNT_PATH[provider] },
      kind: 'status',
      status: 503,
      times: 10_000,
    });
    const completion = world.complete(attempt, callback).catch(() => null);
    await until(async () => (await rowsOf(attempt)).some((row) => row['state'] === 'granted'), {
      limitMs: 30_000,
      what: 'the code has brought a grant',
    });
    return { account, attempt, completion };
  }
  async function terminated(provider: Revoking, flow: OAuthFlow) {
    const { account, attempt, completion } = await holdingAGrant(provider, flow);
    // An activity that is at work goes on for a while after its workflow was terminated, and would connect.
    await world.workers.stop();
    await attempt.handle.terminate('an operator, in the Web UI');
    await completion;
    await world.control[provider].clearFaults();
    await world.workers.start();
    expect(await liveGrants(provider, account)).not.toEqual([]);
    return { account, attempt };
  }

  it.each(FLOWS)(
    'is revoked at the provider by the retention before its row goes: %s, %s',
    async (provider, flow) => {
      const { account, attempt } = await terminated(provider, flow);
      await removeExpired('authorization_exchanges');
      expect(await liveGrants(provider, account)).not.toEqual([]);
      await age(attempt, '61 minutes');
      await removedAtLast(attempt);
      expect(await liveGrants(provider, account)).toEqual([]);
    },
    120_000,
  );

  it('is kept, and revoked the next time, where the provider does not answer', async () => {
    const { account, attempt } = await terminated('square', 'code');
    await age(attempt, '61 minutes');
    await world.control.square.fault({
      match: { path: '/oauth2/revoke' },
      kind: 'status',
      status: 503,
      times: 10_000,
    });
    await removeExpired('authorization_exchanges');
    expect(await rowsOf(attempt)).toEqual([{ state: 'granted' }]);
    await world.control.square.clearFaults();
    await removedAtLast(attempt);
    expect(await liveGrants('square', account)).toEqual([]);
  }, 120_000);

  it('is forgotten when it cannot be revoked for a day', async () => {
    const { attempt } = await terminated('square', 'code');
    await age(attempt, '25 hours');
    await world.control.square.fault({
      match: { path: '/oauth2/revoke' },
      kind: 'status',
      status: 503,
      times: 10_000,
    });
    await removeExpired('authorization_exchanges');
    expect(await rowsOf(attempt)).toEqual([]);
  }, 120_000);

  it('outlives the row of its connection’s expiry', async () => {
    const { attempt } = await terminated('square', 'code');
    await world.database.admin`
      update connections set state = 'disconnected', state_since = now() - interval '2 hours' where id = ${attempt.connectionId}`;
    await removeExpired('connections');
    expect(await rowsOf(attempt)).toEqual([{ state: 'granted' }]);
  }, 120_000);

  it('stays with an attempt that is still at work, however old', async () => {
    const { account, attempt, completion } = await holdingAGrant('square', 'code');
    await age(attempt, '61 minutes');
    await removeExpired('authorization_exchanges');
    expect(await liveGrants('square', account)).not.toEqual([]);
    await world.control.square.clearFaults();
    expect(await completion).toMatchObject({ outcome: 'connected' });
  }, 120_000);

  it('is revoked when the connection is disconnected', async () => {
    const { account, attempt } = await terminated('square', 'code');
    await world.disconnect(attempt);
    await expect.poll(() => rowsOf(attempt), { timeout: 20_000 }).toEqual([]);
    expect(await liveGrants('square', account)).toEqual([]);
  }, 120_000);
});
