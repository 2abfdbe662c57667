import { standInPortNames } from '../../config/sandbox-variables.ts';
import type { ConfigurableProvider } from '../../config/provider-settings.ts';
import { choosePort, freePort } from './ports.ts';
import { isSet } from '../processes/child-environment.ts';
import type { Env } from './home.ts';
import type { PortRequest } from './ports.ts';

/** Every port of a copy. */
export interface Ports {
  readonly api: number;
  readonly workerHealth: number;
  readonly temporal: number;
  readonly temporalUi: number;
  readonly postgres: number;
  /** Ports of the stand-ins, by the variables that set them. */
  readonly standIns: Readonly<Record<string, number>>;
}

const REQUESTS = {
  api: { variable: 'PORT', standard: 3000, what: 'the API' },
  temporal: { variable: 'TEMPORAL_PORT', standard: 7233, what: 'Temporal' },
  temporalUi: { variable: 'TEMPORAL_UI_PORT', standard: 8233, what: 'the Temporal Web UI' },
  postgres: { variable: 'POSTGRES_PORT', standard: 54_329, what: 'Postgres' },
} as const satisfies Record<string, PortRequest>;

/** A standard port of 0 stands for any free one. */
function standInRequests({ id, displayName, standInPorts }: ConfigurableProvider): readonly PortRequest[] {
  const names = standInPortNames(id);
  return [
    { variable: names.api, standard: standInPorts?.api ?? 0, what: `the ${displayName} sandbox` },
    { variable: names.control, standard: standInPorts?.control ?? 0, what: `the ${displayName} sandbox's control` },
  ];
}

/** The environment in which everything that a copy runs takes any free port. */
export function anyFreePorts(providers: readonly ConfigurableProvider[]): Env {
  const requests = [...Object.values(REQUESTS), ...providers.flatMap(standInRequests)];
  return Object.fromEntries(requests.map(({ variable }) => [variable, '0']));
}

/**
 * Chooses free ports for everything that this copy runs itself. Logs one line for each standard port that was taken.
 * @throws {StartError} when a user's port is taken.
 */
export async function choosePorts(
  env: Env,
  log: (line: string) => void,
  providers: readonly ConfigurableProvider[],
): Promise<Ports> {
  const chosen = new Map<string, number>();
  // Sequentially, so that no port is chosen twice.
  const choose = async (request: PortRequest): Promise<number> => {
    const { port, note } = await choosePortOf(request, env, new Set(chosen.values()));
    if (note !== null) log(note);
    chosen.set(request.variable, port);
    return port;
  };
  // An external service needs no port here.
  const ownPostgres = !isSet(env, 'DATABASE_URL');
  const ownTemporal = !isSet(env, 'TEMPORAL_ADDRESS');
  const ports = {
    api: await choose(REQUESTS.api),
    temporal: ownTemporal ? await choose(REQUESTS.temporal) : 0,
    temporalUi: ownTemporal ? await choose(REQUESTS.temporalUi) : 0,
    postgres: ownPostgres ? await choose(REQUESTS.postgres) : 0,
    workerHealth: await choose({ variable: 'HEALTH_PORT', standard: 0, what: 'the worker' }),
  };
  const standIns: Record<string, number> = {};
  for (const request of providers.flatMap(standInRequests)) standIns[request.variable] = await choose(request);
  return { ...ports, standIns };
}

async function choosePortOf(request: PortRequest, env: Env, reserved: ReadonlySet<number>) {
  if (request.standard !== 0 || isSet(env, request.variable)) return choosePort(request, env, reserved);
  return { port: await freePort(reserved), note: null };
}
