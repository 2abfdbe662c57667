import { setTimeout as delay } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { TemporalConfig } from '../config/config.ts';
import { temporalConnectionOptions } from '../config/temporal-options.ts';
import type { Logger } from '../telemetry/logger.ts';

const RETRY_EVERY_MS = 1_000;

/**
 * Connects as soon as Temporal answers, so that the worker may be started first. Returns null when `stopped` is aborted
 * before that.
 */
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
      // The delay rejects when `stopped` is aborted; the loop checks that itself.
      await delay(RETRY_EVERY_MS, undefined, { signal: stopped }).catch(() => undefined);
    }
  }
  return null;
}
