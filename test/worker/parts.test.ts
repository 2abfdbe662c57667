import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { LogLevel } from '@temporalio/worker';
import { describe, expect, it, vi } from 'vitest';
import { createLogger } from '../../telemetry/logger.ts';
import { startHealthServer } from '../../worker/health-server.ts';
import { connectTemporal } from '../../worker/temporal-connection.ts';
import { createTemporalLogger } from '../../worker/temporal-logger.ts';
import { freePort } from '../../runtime/start/ports.ts';

const silent = () => createLogger({ name: 'test', level: 'silent' });

describe('the health endpoint of a worker', () => {
  it('is live at once, ready only between start and stop, and answers 404 to everything else', async () => {
    let ready = false;
    const server = startHealthServer({ host: '127.0.0.1', port: 0 }, () => ready);
    await once(server, 'listening');
    const { port, address } = server.address() as AddressInfo;
    expect(address).toBe('127.0.0.1');
    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return [response.status, ((await response.json()) as { readonly status: string }).status];
    };
    expect(await ask('/health/live')).toEqual([200, 'ok']);
    expect(await ask('/health/ready')).toEqual([503, 'down']);
    ready = true;
    expect(await ask('/health/ready')).toEqual([200, 'ok']);
    ready = false;
    expect(await ask('/health/ready')).toEqual([503, 'down']);
    for (const path of ['/', '/health', '/health/readyx', '/metricsx']) expect(await ask(path)).toEqual([404, 'down']);
    server.close();
    server.closeAllConnections();
  });
});

describe('the connection to Temporal', () => {
  it('is waited for, and given up without an error when the worker is told to stop', async () => {
    const stop = new AbortController();
    const log = silent();
    const warn = vi.spyOn(log, 'warn');
    const connecting = connectTemporal(
      { address: `127.0.0.1:${await freePort()}`, namespace: 'default' },
      log,
      stop.signal,
    );
    await vi.waitFor(
      () => {
        expect(warn).toHaveBeenCalledTimes(2);
      },
      { timeout: 20_000, interval: 50 },
    );
    stop.abort();
    await expect(connecting).resolves.toBeNull();
    await expect(
      connectTemporal({ address: '127.0.0.1:1', namespace: 'default' }, log, AbortSignal.abort()),
    ).resolves.toBeNull();
  });

  it('is not opened when a certificate cannot be read', async () => {
    const config = { address: '127.0.0.1:1', namespace: 'default', tls: { caFile: '/no/such/file.pem' } };
    await expect(connectTemporal(config, silent(), new AbortController().signal)).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});

describe('the log of the Temporal SDK', () => {
  it.each<[LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error']>([
    ['TRACE', 'trace'],
    ['DEBUG', 'debug'],
    ['INFO', 'info'],
    ['WARN', 'warn'],
    ['ERROR', 'error'],
  ])('keeps %s at its level', (level, method) => {
    const log = silent();
    const line = vi.spyOn(log, method);
    createTemporalLogger(log).log(level, 'message', { taskQueue: 'q' });
    createTemporalLogger(log)[method]('other');
    expect(line.mock.calls).toEqual([
      [{ taskQueue: 'q' }, 'message'],
      [{}, 'other'],
    ]);
  });
});
