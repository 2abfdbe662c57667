import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NODE_COMPILE_CACHE } from '../../runtime/start/home.ts';
import type { NeedTokens } from '../support/caller-process.ts';
import { createGrantWorld } from '../support/worlds/grant-world.ts';
import type { GrantWorld, TestGrant } from '../support/worlds/grant-world.ts';

const PROCESSES = 3;
const CALLERS_EACH = 34;
const QUICKBOOKS_TOKEN = { path: '/oauth2/v1/tokens/bearer' };

let world: GrantWorld;
let processes: ChildProcess[];

async function startProcess(): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('../support/caller-process.ts', import.meta.url)), {
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE, ...world.workerEnv },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  await once(child, 'message');
  return child;
}

async function signalled(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = signal === 'SIGKILL' ? once(child, 'exit') : undefined;
  child.kill(signal);
  await exited;
}

beforeAll(async () => {
  world = await createGrantWorld();
  processes = await Promise.all(Array.from({ length: PROCESSES }, startProcess));
}, 180_000);
afterAll(async () => {
  await Promise.all(processes.map((child) => signalled(child, 'SIGKILL')));
  await world.close();
});
afterEach(() => Promise.all(Object.values(world.controls).map((control) => control.clearFaults())));

async function need(
  child: ChildProcess,
  { venueId, connectionId, provider }: TestGrant,
  callers: number,
): Promise<readonly (number | string)[]> {
  child.send({ connection: { venueId, connectionId, provider }, callers } satisfies NeedTokens);
  const [generations] = (await once(child, 'message')) as [readonly (number | string)[]];
  return generations;
}

describe('three worker processes', () => {
  it.each([
    ['quickbooks', 'code'],
    ['stripe', 'app'],
    ['square', 'pkce'],
  ] as const)(
    'make one refresh of an ended token for a hundred who need it at once: %s %s',
    async (provider, flow) => {
      const grant = await world.aGrant(provider, flow);
      await world.expire(grant);
      const answers = (await Promise.all(processes.map((child) => need(child, grant, CALLERS_EACH)))).flat();
      expect(answers).toEqual(Array.from({ length: PROCESSES * CALLERS_EACH }, () => 2));
      expect(await world.refreshCalls(grant)).toHaveLength(1);
      expect(await world.works(grant)).toBe(true);
    },
    60_000,
  );

  it('ask a provider only once about a dead grant, however many callers need it', async () => {
    const grant = await world.aGrant('stripe', 'app');
    await world.expire(grant);
    await world.controls.stripe.revoke(grant.account);
    const answers = (await Promise.all(processes.map((child) => need(child, grant, CALLERS_EACH)))).flat();
    expect(new Set(answers)).toEqual(new Set(['the connection is needs-reauth']));
    expect(await world.refreshCalls(grant)).toHaveLength(1);
  }, 60_000);
});

describe('a worker killed during a refresh', () => {
  /** Kills the worker that runs the refresh once the provider has its request. */
  async function killRefresher(grant: TestGrant, signal: NodeJS.Signals): Promise<ChildProcess> {
    await expect.poll(async () => (await world.row(grant)).sentAt, { interval: 20 }).not.toBeNull();
    const identity = async () =>
      (await world.owner(grant).describe()).raw.pendingActivities?.find(
        ({ activityType }) => activityType?.name === 'refreshGrant',
      )?.lastWorkerIdentity;
    await expect.poll(identity).toBeTruthy();
    const pid = Number((await identity())?.split('@')[0]);
    const child = processes.find((one) => one.pid === pid);
    if (!child) throw new Error(`no process of this test: ${pid}`);
    // The provider has the request now and rotates the token, even if nobody is left to take its answer.
    const struck = async () =>
      (
        await world.controls[grant.provider].send<{ readonly data: readonly { readonly struck: number }[] }>(
          'GET',
          '/faults',
        )
      ).data[0]?.struck;
    await expect.poll(struck, { interval: 20 }).toBe(1);
    await signalled(child, signal);
    return child;
  }

  const replace = async (child: ChildProcess): Promise<void> => {
    processes[processes.indexOf(child)] = await startProcess();
  };

  it('costs nothing when the old token still works', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.expire(grant);
    await world.controls.quickbooks.fault({ kind: 'slow', delayMs: 3_000, times: 1, match: QUICKBOOKS_TOKEN });
    const answer = world.ensureFresh(grant);
    await replace(await killRefresher(grant, 'SIGKILL'));
    expect(await answer).toEqual({ status: 'fresh', generation: 2 });
    expect(await world.works(grant)).toBe(true);
    expect(await world.row(grant)).toMatchObject({ state: 'active', sentAt: null });
  }, 90_000);

  // Runs with the long fault suite, because it waits for more than a minute.
  it.runIf(Number(process.env['INTERLOCK_FAULT_EPISODES'] ?? 1) > 1)(
    'stores its token when it was only frozen and wakes, and overwrites nothing newer',
    async () => {
      const grant = await world.aGrant('quickbooks', 'code');
      await world.expire(grant);
      await world.controls.quickbooks.fault({ kind: 'slow', delayMs: 2_000, times: 1, match: QUICKBOOKS_TOKEN });
      const answer = world.ensureFresh(grant).catch((error: unknown) => error);
      const frozen = await killRefresher(grant, 'SIGSTOP');
      // The frozen worker's lease ends by time. A frozen process still accepts tasks, which then have to time out, so
      // this may take several rounds.
      await expect.poll(() => world.row(grant), { timeout: 150_000 }).toMatchObject({ state: 'active', generation: 2 });
      await answer;
      frozen.kill('SIGCONT');
      await sleep(3_000);
      expect(await world.row(grant)).toMatchObject({ state: 'active', generation: 2 });
      expect(await world.works(grant)).toBe(true);
    },
    240_000,
  );
});
