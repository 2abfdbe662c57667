import net from 'node:net';
import { StartError } from './start-error.ts';
import type { Env } from './home.ts';

const LOOPBACK = '127.0.0.1';

export interface PortRequest {
  /** The variable that sets this port. */
  readonly variable: string;
  readonly standard: number;
  /** What listens there, for messages. */
  readonly what: string;
}

export interface ChosenPort {
  readonly port: number;
  /** One line when the standard port was taken and another is used; null otherwise. */
  readonly note: string | null;
}

/**
 * A port that is free on loopback now. Uses a user's port as it is; falls back from a taken standard port to any free
 * one.
 * @throws {StartError} when a user's port is malformed or taken.
 */
export async function choosePort(
  request: PortRequest,
  env: Env,
  reserved: ReadonlySet<number> = new Set(),
): Promise<ChosenPort> {
  const wanted = env[request.variable];
  if (wanted !== undefined && wanted !== '') return { port: await explicitPort(request, wanted, reserved), note: null };
  if (!reserved.has(request.standard) && (await isFree(request.standard)))
    return { port: request.standard, note: null };
  const port = await freePort(reserved);
  return {
    port,
    note: `port ${request.standard} is taken: ${request.what} listens on ${port} (${request.variable} sets it)`,
  };
}

async function explicitPort(request: PortRequest, wanted: string, reserved: ReadonlySet<number>): Promise<number> {
  const port = /^\d{1,5}$/.test(wanted) ? Number(wanted) : Number.NaN;
  if (!(port <= 65_535))
    throw new StartError(`${request.variable} is wrong: it must be a whole number from 0 to 65535.`);
  if (port === 0) return freePort(reserved);
  if (!(await isFree(port)))
    throw new StartError(
      `${request.variable}=${port} is taken: another program listens there. Set ${request.variable} to a free port, or unset it.`,
    );
  return port;
}

export async function isFree(port: number): Promise<boolean> {
  // Check both, because some systems let a second listener bind a more specific address.
  return (await canListen(port)) && !(await answers(port));
}

/**
 * Below the ephemeral range: a free port in that range may be taken by an outgoing connection before the server
 * listens.
 */
const FREE_PORTS = { from: 20_000, to: 32_000 } as const;
const PORT_COUNT = FREE_PORTS.to - FREE_PORTS.from;
const MAX_TRIES = 100;
/** Near the golden ratio of the range, which spreads processes with neighbouring ids most evenly. */
const PROCESS_STRIDE = 7_417;

let nextPort = (process.pid * PROCESS_STRIDE) % PORT_COUNT;

/**
 * A port that is free now and that this process was not given before. A server listens seconds after its port was
 * chosen, and of random ports two that are chosen within that time are sometimes the same.
 */
export async function freePort(reserved: ReadonlySet<number> = new Set()): Promise<number> {
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    const port = FREE_PORTS.from + nextPort;
    nextPort = (nextPort + 1) % PORT_COUNT;
    if (!reserved.has(port) && (await isFree(port))) return port;
  }
  throw new StartError(
    `No free port was found between ${FREE_PORTS.from} and ${FREE_PORTS.to}: stop some of the programs that listen there.`,
  );
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, LOOPBACK, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: LOOPBACK, timeout: 1_000 });
    const finish = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => {
      finish(true);
    });
    socket.once('error', () => {
      finish(false);
    });
    socket.once('timeout', () => {
      finish(false);
    });
  });
}
