import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { readMigrationConfig } from '../../config/config.ts';
import { createBrakeStore } from '../../db/budgets/brake-store.ts';
import { openDatabase } from '../../db/core/venue-scope.ts';
import { homeOf } from '../start/home.ts';
import { runningInstance } from '../start/instance.ts';
import { messageOf } from '../start/start-error.ts';
import { UsageError } from './usage-error.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import type { Env } from '../start/home.ts';

const startedFile = z.object({ databaseUrl: z.string() });

interface QueueRequest {
  readonly provider: ProviderId;
  readonly perSecond: number | null;
}

/**
 * Slows, pauses or releases a provider's syncs for all venues. Throws UsageError, ConfigError, and Postgres' errors.
 */
export async function brakeQueue(args: string[], env: Env, providers: readonly ProviderId[]): Promise<number> {
  const { provider, perSecond } = readQueueRequest(args, providers);
  const { databaseUrl: url } = readMigrationConfig({ ...databaseOfInstance(env), ...env });
  const db = openDatabase({ url, maxConnections: 1, applicationName: 'interlock-cli' });
  try {
    await createBrakeStore(db).set(provider, perSecond);
  } catch (error) {
    // The driver's own message may quote the statement.
    throw new Error('the database does not answer', { cause: error });
  } finally {
    await db.$client.end({ timeout: 1 }).catch(() => undefined);
  }
  console.log(sayWhatHolds(provider, perSecond));
  return 0;
}

function sayWhatHolds(provider: ProviderId, perSecond: number | null): string {
  if (perSecond === null) return `syncs of ${provider} begin as they come`;
  return perSecond === 0
    ? `no sync of ${provider} begins any more; what is under way goes on for some minutes`
    : `chunks of syncs of ${provider} begin at ${perSecond} a second`;
}

/** Fills in the Temporal address of the copy on this home when the environment names none. */
function databaseOfInstance(env: Env): Env {
  const home = homeOf(env);
  if (env['DATABASE_URL'] || runningInstance(home) === null) return {};
  return { DATABASE_URL: startedFile.parse(JSON.parse(readFileSync(home.startedFile, 'utf8'))).databaseUrl };
}

function readQueueRequest(args: string[], providers: readonly ProviderId[]): QueueRequest {
  const { provider, rate } = parseQueueArguments(args);
  if (!providers.includes(provider)) throw new UsageError(`--provider must be ${providers.join(', ')}`);
  return { provider, perSecond: toPerSecond(rate) };
}

function toPerSecond(rate: string): number | null {
  if (rate === 'release') return null;
  if (rate === 'pause') return 0;
  if (!/^\d{1,4}(\.\d{1,3})?$/.test(rate) || Number(rate) === 0)
    throw new UsageError('--rate must be a number above 0, pause or release');
  return Number(rate);
}

function parseQueueArguments(args: string[]): { provider: string; rate: string } {
  try {
    const { provider = '', rate = '' } = parseArgs({
      args,
      strict: true,
      allowPositionals: false,
      options: { provider: { type: 'string' }, rate: { type: 'string' } },
    }).values;
    return { provider, rate };
  } catch (error) {
    throw new UsageError(messageOf(error).split('\n')[0]);
  }
}
