import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { Connection } from '@temporalio/client';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../../contracts/temporal.ts';
import { cacheFolderOf } from '../../../runtime/start/home.ts';
import { answers, freePort } from '../../../runtime/start/ports.ts';
import { resolveTemporal, startTemporal } from '../../../runtime/temporal/temporal.ts';
import { markOf } from '../../../runtime/processes/processes.ts';
import { useTemporal } from '../../support/services/temporal.ts';
import { aFolder, aProgram, eventually } from '../support.ts';
import type { RunningTemporal, TemporalOptions } from '../../../runtime/temporal/temporal.ts';

async function aConnection(address: string): Promise<Connection> {
  const connection = await Connection.connect({ address });
  onTestFinished(() => connection.close());
  return connection;
}

async function registered(address: string): Promise<string[]> {
  const { customAttributes } = await (
    await aConnection(address)
  ).operatorService.listSearchAttributes({ namespace: 'default' });
  return Object.keys(customAttributes);
}

test('the Temporal server shared by a test run knows our search attributes', async () => {
  const { address } = await useTemporal();
  expect(await registered(address)).toEqual(expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)));
});

describe('a Temporal development server', () => {
  let binary = '';
  beforeAll(async () => {
    // The shared server has filled the cache, whatever the machine had before.
    await useTemporal();
    const source = await resolveTemporal({
      cacheFolder: cacheFolderOf(process.env),
      log: () => undefined,
      env: { PATH: process.env['PATH'] },
    });
    if (source.kind === 'binary') binary = source.path;
  });

  async function start(options: Partial<TemporalOptions>): Promise<RunningTemporal> {
    const folder = aFolder();
    const server = await startTemporal({
      binary,
      dataFile: null,
      port: await freePort(),
      uiPort: null,
      namespace: 'default',
      logFile: path.join(folder, 'temporal.log'),
      ...options,
    });
    onTestFinished(() => server.stop());
    return server;
  }

  test('serves the Web UI on the requested port, on loopback', async () => {
    const uiPort = await freePort();
    const { uiUrl } = await start({ uiPort });
    expect(uiUrl).toBe(`http://127.0.0.1:${uiPort}`);
    await eventually(() => answers(uiPort));
    expect((await fetch(`${uiUrl ?? ''}/namespaces/default/workflows`)).status).toBe(200);
  });

  test('keeps workflows in its file across a SIGKILL', async () => {
    const dataFile = path.join(aFolder(), 'data', 'temporal.db');
    const first = await start({ dataFile });
    const started = await (
      await aConnection(first.address)
    ).workflowService.startWorkflowExecution({
      namespace: 'default',
      workflowId: 'kept',
      requestId: 'r',
      workflowType: { name: 'w' },
      taskQueue: { name: 'q' },
    });
    process.kill(first.pid, 'SIGKILL');
    expect(await first.exited).toBe('SIGKILL');
    const second = await start({ dataFile });
    const { workflowExecutionInfo } = await (
      await aConnection(second.address)
    ).workflowService.describeWorkflowExecution({ namespace: 'default', execution: { workflowId: 'kept' } });
    expect(workflowExecutionInfo?.execution?.runId).toBe(started.runId);
    expect(readFileSync(`${dataFile}-wal`).length).toBeGreaterThan(0);
  });

  test('registers search attributes that an older file lacks, and can query them once it is ready', async () => {
    const dataFile = path.join(aFolder(), 'temporal.db');
    const port = await freePort();
    mkdirSync(path.dirname(dataFile), { recursive: true });
    const old = spawn(
      binary,
      [
        'server',
        'start-dev',
        '--headless',
        '--ip',
        '127.0.0.1',
        '--port',
        String(port),
        '--db-filename',
        dataFile,
        '--search-attribute',
        'VenueId=Keyword',
      ],
      { stdio: 'ignore' },
    );
    onTestFinished(() => {
      old.kill('SIGKILL');
    });
    await eventually(
      async () =>
        (await answers(port)) && (await registered(`127.0.0.1:${port}`).catch((): string[] => [])).includes('VenueId'),
      30_000,
    );
    old.kill('SIGTERM');
    await new Promise((resolve) => old.once('exit', resolve));
    const { address } = await start({ dataFile });
    const { count } = await (
      await aConnection(address)
    ).workflowService.countWorkflowExecutions({
      namespace: 'default',
      query: 'NeedsAttention = true AND Provider = "stripe"',
    });
    expect(Number(count)).toBe(0);
  });

  test('is reported with the end of its log when it exits at once', async () => {
    const broken = aProgram(aFolder(), 'temporal', '#!/bin/sh\necho "no such flag" >&2\nexit 3\n');
    await expect(start({ binary: broken })).rejects.toThrow(
      /Temporal did not start: it ended with exit code 3.*no such flag/s,
    );
  });

  test('is stopped when it does not answer in time', async () => {
    let pid = 0;
    const mute = aProgram(aFolder(), 'temporal', '#!/bin/sh\nexec sleep 60\n');
    await expect(
      start({
        binary: mute,
        limitMs: 300,
        onSpawn: (spawned) => {
          pid = spawned;
        },
      }),
    ).rejects.toThrow(/does not answer after 0\.3 s/);
    expect(markOf(pid)).toBeNull();
  });
});
