import { setTimeout as delay } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { TemporalConfig } from '../config/config.ts';
import { temporalConnectionOptions } from '../config/temporal-options.ts';
import type { Logger } from '../telemetry/logger.ts';

const RETRY_EVERY_MS = 1_000;

/** Connects as soon as Temporal answers: the worker may be started first. Null when `stopped` came before that. */
export async function connectTemporal(
  config: TemporalConfig,
  log: Logger,
  stopped: AbortSignal,
): Promise<NativeConnection | null> {
  const options = await temporalConnectionOptions(config);
  while (!stopped.aborted) {
    try {
      return await NativeConnection.connect(options);
    } catch (error) {
      log.warn(
        { address: config.address, cause: error instanceof Error ? error.name : 'unknown' },
        'Temporal does not answer yet',
      );
      // Rejects when it is cut short, which the loop sees by itself.
      await delay(RETRY_EVERY_MS, undefined, { signal: stopped }).catch(() => undefined);
    }
  }
  return null;
}
