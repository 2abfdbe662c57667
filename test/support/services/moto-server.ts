import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../runtime/start/ports.ts';
import { until } from '../eventually.ts';
import { findPython } from '../../../runtime/processes/python-environment.ts';

const PACKAGES = {
  folder: 'moto-5.2.5',
  requirements: fileURLToPath(new URL('moto-requirements.txt', import.meta.url)),
};
const START_LIMIT_MS = 60_000;

/** The Python interpreter with moto, or why this machine has none. */
export const findMoto = () => findPython(PACKAGES);

export interface MotoServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** A KMS by other authors, on 127.0.0.1: https://docs.getmoto.org/en/latest/docs/services/kms.html (2026-11-21). */
export async function startMoto(python: string): Promise<MotoServer> {
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const child = spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', new URL(endpoint).port], {
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  const answers = () =>
    fetch(`${endpoint}/moto-api/data.json`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(async () => child.exitCode !== null || (await answers()), {
    limitMs: START_LIMIT_MS,
    what: 'moto answers',
    everyMs: 200,
  });
  if (child.exitCode !== null) throw new Error(`moto ended with ${child.exitCode}`);
  return {
    endpoint,
    async stop() {
      child.kill();
      await ended;
    },
  };
}
