import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { z } from 'zod';
import { readTemporalConfig } from '../../config/config.ts';
import { temporalConnectionOptions } from '../../config/temporal-options.ts';
import { PROVIDERS } from '../../contracts/providers.ts';
import { homeOf } from '../start/home.ts';
import { runningInstance } from '../start/instance.ts';
import { setProviderRate } from '../start/provider-brake.ts';
import { messageOf } from '../start/start-error.ts';
import { UsageError } from './usage-error.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import type { Env } from '../start/home.ts';

const CALL_TIMEOUT_MS = 5_000;
const startedFile = z.object({ temporalAddress: z.string(), temporalNamespace: z.string() });

interface QueueRequest {
  readonly provider: ProviderId;
  readonly perSecond: number | null;
}

/**
 * Slows, pauses or releases a provider's syncs for all venues. Throws UsageError, ConfigError, and Temporal's errors.
 */
export async function brakeQueue(args: string[], env: Env): Promise<number> {
  const { provider, perSecond } = readQueueRequest(args);
  const { namespace, ...config } = readTemporalConfig({ ...addressOfInstance(env), ...env });
  const options = { ...(await temporalConnectionOptions({ ...config, namespace })), connectTimeout: CALL_TIMEOUT_MS };
  const connection = await Connection.connect(options).catch((error: unknown) => {
    throw new Error(`Temporal at ${config.address} does not answer`, { cause: error });
  });
  try {
    const client = new Client({ connection, namespace });
    await connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
      setProviderRate(client, { provider, perSecond, reason: 'interlock queue' }),
    );
  } finally {
    await connection.close().catch(() => undefined);
  }
  console.log(sayWhatHolds(provider, perSecond));
  return 0;
}

function sayWhatHolds(provider: ProviderId, perSecond: number | null): string {
  if (perSecond === null) return `syncs of ${provider} begin as they come`;
  return perSecond === 0
    ? `no sync of ${provider} begins any more; what is under way goes on for some minutes`
    : `chunks of syncs of ${provider} begin at ${perSecond} a second, in each of its queues`;
}

/** Fills in the Temporal address of the copy on this home when the environment names none. */
function addressOfInstance(env: Env): Env {
  const home = homeOf(env);
  if (env['TEMPORAL_ADDRESS'] || runningInstance(home) === null) return {};
  const { temporalAddress, temporalNamespace } = startedFile.parse(JSON.parse(readFileSync(home.startedFile, 'utf8')));
  return { TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: temporalNamespace };
}

function readQueueRequest(args: string[]): QueueRequest {
  const { provider, rate } = parseQueueArguments(args);
  const known = PROVIDERS.find((name) => name === provider);
  if (known === undefined) throw new UsageError(`--provider must be ${PROVIDERS.join(', ')}`);
  return { provider: known, perSecond: toPerSecond(rate) };
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
