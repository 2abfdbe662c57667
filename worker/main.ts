import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import { describe } from '../activities/failures.ts';
import { exitOnConfigError } from '../config/config-error.ts';
import { readWorkerConfig } from '../config/config.ts';
import { REPLACED_QUEUES } from '../contracts/temporal.ts';
import { REGISTRIES } from '../providers/registry.ts';
import { exitOnUncaught } from '../telemetry/exit-on-uncaught.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createDeps } from './deps.ts';
import { startHealthServer } from './health-server.ts';
import { watchForLostWorkers } from './lost-workers.ts';
import { connectTemporal } from './temporal-connection.ts';
import { relayOutgoing } from './outgoing-relay.ts';
import { keepConnectionSweepSchedule } from './connection-schedule.ts';
import { keepDeadLetterSweepSchedule } from './dead-letter-schedule.ts';
import { keepInboxSweepSchedule } from './inbox-schedule.ts';
import { keepRetentionSchedule } from './retention-schedule.ts';
import { createTemporalLogger } from './temporal-logger.ts';
import { DRAINING_MS, findQueuesToDrain } from './replaced-queues.ts';
import { createWorkers } from './workers.ts';

// The composition root, the only file that imports from every room. It wires and starts, and decides nothing.
const config = exitOnConfigError(() => readWorkerConfig(process.env, REGISTRIES.providers));
const log = createLogger({ name: 'worker', level: config.logLevel });
exitOnUncaught(log);
if (config.keyring.kind === 'local')
  log.warn({}, 'credentials are opened with a key of this machine (MOCK_KMS=true): for development only');

// Stripe's notices and hints would break up the structured log.
process.env['STRIPE_SUPPRESS_NOTICES'] = 'true';

// Without it, activities that Temporal hands out while this process stops are run by nobody until they time out
// (docs/decisions/0124-a-stopping-worker-takes-what-it-was-handed.md). The SDK reads it when a worker is created.
process.env['TEMPORAL_POLL_SHUTDOWN_INTERRUPT_WAIT_MS'] ??= '500';

const stopping = new AbortController();
const stop = () => {
  stopping.abort();
};
process.once('SIGTERM', stop).once('SIGINT', stop);
// As a child process, the worker stops when its parent is gone, because nobody else would stop it.
process.once('disconnect', stop);

Runtime.install({ logger: createTemporalLogger(log), shutdownSignals: [] });

let ready = false;
const health =
  config.healthPort === null ? null : startHealthServer({ host: config.host, port: config.healthPort }, () => ready);

// Not awaited at the top level, which a CommonJS bundle does not allow.
void run();

async function run(): Promise<void> {
  const deps = await createDeps(config, log, REGISTRIES);
  const connection = await connectTemporal(config.temporal, log, stopping.signal);
  if (connection) {
    const { namespace } = config.temporal;
    const client = new Client({ connection, namespace });
    const { activity: activities, schedule, workflow } = client;
    // Starts before the workers are ready, which takes seconds, so that the work of a lost process resumes sooner.
    const watch = watchForLostWorkers({ presence: deps.presence, activities, log, stopped: stopping.signal });
    // Nothing waits for the Schedules: runs do not need them, and a server that refuses them must not prevent the
    // worker's start.
    const kept = { schedule, log, stopped: stopping.signal };
    const schedules = [
      keepRetentionSchedule({ ...kept, retention: config.retention }),
      keepInboxSweepSchedule(kept),
      keepDeadLetterSweepSchedule(kept),
      keepConnectionSweepSchedule(kept),
    ];
    const drainedQueues = await findQueuesToDrain(client).catch((error: unknown) => {
      log.warn({ cause: describe(error) }, 'nobody can tell which replaced queues hold work: all of them are served');
      return Object.keys(REPLACED_QUEUES);
    });
    const workers = await createWorkers({ connection, namespace, deps, drainedQueues });
    const relay = relayOutgoing({ deliveries: deps.deliveries, workflow, log, stopped: stopping.signal });
    const stopped = whenStopped();
    ready = !stopping.signal.aborted;
    if (ready) log.info({ queues: workers.map((worker) => worker.options.taskQueue) }, 'worker is ready');
    const drained = Promise.race([stopped, delay(DRAINING_MS, undefined, { ref: false })]);
    await Promise.all(
      workers.map((worker) => worker.runUntil(drainedQueues.includes(worker.options.taskQueue) ? drained : stopped)),
    );
    await Promise.all([watch, relay, ...schedules]);
    await connection.close();
  }
  await deps.close();
  health?.close();
  log.info('worker has stopped');
  process.exit(0);
}

async function whenStopped(): Promise<void> {
  if (!stopping.signal.aborted) await once(stopping.signal, 'abort');
  ready = false;
}
