import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheFolderOf } from '../../runtime/start/home.ts';
import { freePort } from '../../runtime/start/ports.ts';
import { resolveTemporal, startTemporal } from '../../runtime/temporal/temporal.ts';
import type { RunningTemporal } from '../../runtime/temporal/temporal.ts';
import { createGrantWorld } from '../support/worlds/grant-world.ts';
import type { GrantWorld } from '../support/worlds/grant-world.ts';

const NAMESPACE = 'default';
const folder = join(tmpdir(), `interlock_owner_${randomBytes(4).toString('hex')}`);

let world: GrantWorld;
let port: number;
let server: RunningTemporal;

/** A server that keeps its workflows and asks them to continue as new after a few events instead of thousands. */
async function startServer(): Promise<RunningTemporal> {
  const source = await resolveTemporal({ cacheFolder: cacheFolderOf(process.env), log: () => undefined });
  if (source.kind === 'server') throw new Error('this suite starts a server of its own: leave TEMPORAL_ADDRESS unset');
  const binary = join(folder, 'temporal');
  writeFileSync(
    binary,
    `#!/bin/sh\nexec '${source.path}' "$@" --dynamic-config-value limit.historyCount.suggestContinueAsNew=25\n`,
  );
  chmodSync(binary, 0o700);
  return startTemporal({
    binary,
    dataFile: join(folder, 'temporal.db'),
    port,
    uiPort: null,
    namespace: NAMESPACE,
    logFile: join(folder, 'temporal.log'),
  });
}

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  port = await freePort();
  server = await startServer();
  world = await createGrantWorld({ temporal: { address: server.address, namespace: NAMESPACE } });
  await world.aWorker();
}, 120_000);
afterAll(async () => {
  await world.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the token manager of a connection', () => {
  it('continues as new, and answers every caller meanwhile', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    const first = await world.startOwner(grant);
    const answers = [];
    for (let round = 0; round < 6; round += 1) {
      if (round === 3) await world.expire(grant);
      // Moves what its timer is set for, so that it is looked up as after a restart.
      if (round === 3) await first.signal('grantReplaced').catch(() => world.owner(grant).signal('grantReplaced'));
      answers.push(...(await Promise.all(Array.from({ length: 8 }, () => world.ensureFresh(grant)))));
    }
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 'fresh'));
    expect(answers.at(-1)).toEqual({ status: 'fresh', generation: 2 });
    expect(await world.refreshCalls(grant)).toHaveLength(1);
    const { runId, status } = await world.owner(grant).describe();
    expect(status.name).toBe('RUNNING');
    expect(runId).not.toBe(first.firstExecutionRunId);
  }, 60_000);

  it('outlives a restart of the Temporal server, and then does what came due meanwhile', async () => {
    const grant = await world.aGrant('stripe', 'app');
    await world.admin`update connections set next_refresh_at = now() + interval '3 seconds' where id = ${grant.connectionId}`;
    await world.startOwner(grant);
    await expect
      .poll(async () =>
        (await world.owner(grant).fetchHistory()).events?.some(
          ({ timerStartedEventAttributes: timer }) => timer != null,
        ),
      )
      .toBe(true);
    await server.stop();
    server = await startServer();
    await expect.poll(() => world.row(grant), { timeout: 40_000 }).toMatchObject({ state: 'active', generation: 2 });
    expect(await world.refreshCalls(grant)).toHaveLength(1);
    expect(await world.works(grant)).toBe(true);
  }, 90_000);
});
