import { once } from 'node:events';
import { Client, Connection } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { Runtime } from '@temporalio/worker';
import type { KeepConnectionFreshInput } from '../../contracts/connections.ts';
import { readWorkerConfig } from '../../config/config.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { createDeps } from '../../worker/deps.ts';
import { connectTemporal } from '../../worker/temporal-connection.ts';
import { createTemporalLogger } from '../../worker/temporal-logger.ts';
import { createWorkers } from '../../worker/workers.ts';
import { PROVIDERS, REGISTRIES } from '../../providers/registry.ts';

/** A request to the process: this many activities that need the connection's token at the same moment. */
export interface NeedTokens {
  readonly connection: KeepConnectionFreshInput;
  readonly callers: number;
}

// A worker process like `worker/main.ts`, whose test activities need a token as a sync does. It sends `ready`, then for
// each request the generations that its callers got, or the error. It ends with its parent.
const config = readWorkerConfig(process.env, PROVIDERS);
const log = createLogger({ name: 'worker', level: config.logLevel });
Runtime.install({ logger: createTemporalLogger(log), shutdownSignals: [] });
const deps = await createDeps(config, log, REGISTRIES);
const { address, namespace } = config.temporal;
const connection = await connectTemporal(config.temporal, log, new AbortController().signal);
if (!connection) throw new Error('nobody stopped it');
const client = new Client({ connection: await Connection.connect({ address }), namespace });
const workers = await createWorkers({ connection, namespace, deps });
const stopped = once(process, 'disconnect');
const running = Promise.all(workers.map((worker) => worker.runUntil(stopped)));

async function need(input: KeepConnectionFreshInput): Promise<number | string> {
  const activity = new MockActivityEnvironment({}, { client, logger: createTemporalLogger(log) });
  try {
    return await activity.run(async () => (await deps.credentials.open(input, null)).generation);
  } catch (error) {
    return error instanceof Error ? error.message : 'unknown';
  }
}

process.on('message', ({ connection: input, callers }: NeedTokens) => {
  void Promise.all(Array.from({ length: callers }, () => need(input))).then((generations) =>
    process.send?.(generations),
  );
});
process.send?.('ready');
await running;
process.exit(0);
