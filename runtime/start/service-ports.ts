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
  readonly sandboxStripe: number;
  readonly sandboxStripeControl: number;
  /** Ports of the other stand-ins, by the variables that set them. */
  readonly standIns: Readonly<Record<StandInPort, number>>;
}

/** Any free port will do unless one is set, because nothing stores these addresses. */
const STAND_IN_PORTS = [
  'SANDBOX_SQUARE_PORT',
  'SANDBOX_SQUARE_CONTROL_PORT',
  'SANDBOX_QUICKBOOKS_PORT',
  'SANDBOX_QUICKBOOKS_CONTROL_PORT',
  'SANDBOX_MAILCHIMP_PORT',
  'SANDBOX_MAILCHIMP_CONTROL_PORT',
] as const;
type StandInPort = (typeof STAND_IN_PORTS)[number];

const REQUESTS = {
  api: { variable: 'PORT', standard: 3000, what: 'the API' },
  temporal: { variable: 'TEMPORAL_PORT', standard: 7233, what: 'Temporal' },
  temporalUi: { variable: 'TEMPORAL_UI_PORT', standard: 8233, what: 'the Temporal Web UI' },
  postgres: { variable: 'POSTGRES_PORT', standard: 54_329, what: 'Postgres' },
  sandboxStripe: { variable: 'SANDBOX_STRIPE_PORT', standard: 12_111, what: 'the Stripe sandbox' },
  sandboxStripeControl: {
    variable: 'SANDBOX_STRIPE_CONTROL_PORT',
    standard: 12_112,
    what: "the Stripe sandbox's control",
  },
} as const satisfies Record<string, PortRequest>;

/**
 * Chooses free ports for everything that this copy runs itself. Logs one line for each standard port that was taken.
 * @throws {StartError} when a user's port is taken.
 */
export async function choosePorts(env: Env, log: (line: string) => void): Promise<Ports> {
  const chosen: Record<string, number> = {};
  for (const [name, request] of Object.entries(REQUESTS)) {
    // An external service needs no port here.
    if (name === 'postgres' && isSet(env, 'DATABASE_URL')) continue;
    if (name.startsWith('temporal') && isSet(env, 'TEMPORAL_ADDRESS')) continue;
    const { port, note } = await choosePort(request, env, new Set(Object.values(chosen)));
    if (note !== null) log(note);
    chosen[name] = port;
  }
  const port = (name: keyof typeof REQUESTS): number => chosen[name] ?? 0;
  return {
    api: port('api'),
    workerHealth: await anyPort(env, 'HEALTH_PORT', 'the worker'),
    temporal: port('temporal'),
    temporalUi: port('temporalUi'),
    postgres: port('postgres'),
    sandboxStripe: port('sandboxStripe'),
    sandboxStripeControl: port('sandboxStripeControl'),
    standIns: await standInPorts(env),
  };
}

/** Sequentially, so that no port is chosen twice. */
async function standInPorts(env: Env): Promise<Ports['standIns']> {
  const chosen = new Map<StandInPort, number>();
  for (const variable of STAND_IN_PORTS) {
    let port = 0;
    do port = await anyPort(env, variable, 'a sandbox');
    while (!isSet(env, variable) && [...chosen.values()].includes(port));
    chosen.set(variable, port);
  }
  return Object.fromEntries(chosen) as Ports['standIns'];
}

async function anyPort(env: Env, variable: string, what: string): Promise<number> {
  return isSet(env, variable) ? (await choosePort({ variable, standard: 0, what }, env)).port : freePort();
}
