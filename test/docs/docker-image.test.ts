import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exitOf } from '../../runtime/processes/child-process.ts';
import {
  commandsOf,
  containerStartOf,
  copiesOf,
  inherited,
  readDockerfile,
} from '../../checks/image/image-dockerfile.ts';
import { freePort } from '../../runtime/start/ports.ts';
import { startHealthServer } from '../../worker/health-server.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, ROOT), 'utf8');
const { MAY_IMPORT } = createRequire(import.meta.url)('../../room-table.cjs') as {
  readonly MAY_IMPORT: Readonly<Record<string, readonly string[]>>;
};

const stages = readDockerfile();
/** Created in the image, so they are absent from the repository. */
const BUNDLES = commandsOf(inherited(stages, 'bundled'));
const TARGETS = ['api', 'worker', 'migrate'] as const;
const copied = (stage: string) =>
  copiesOf(inherited(stages, stage))
    .filter(({ fromStage }) => fromStage === null)
    .flatMap(({ sources }) => sources);

/** Rooms that these rooms may import, directly or through others. */
function reachedFrom(rooms: readonly string[], reached = new Set<string>()): Set<string> {
  for (const room of rooms.filter((name) => !reached.has(name))) reachedFrom(MAY_IMPORT[room] ?? [], reached.add(room));
  return reached;
}

describe('the image', () => {
  it('has the tests’ Node version in every stage', () => {
    const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: Record<string, string> };
    const bases = stages.map(({ base }) => base).filter((base) => !stages.some(({ name }) => name === base));
    expect(new Set(bases)).toEqual(new Set([`node:${devDependencies['node']}-bookworm-slim`]));
  });

  it('holds exactly the rooms that its processes can reach', () => {
    // The worker bundles `workflows` from source without importing it.
    const rooms = [...reachedFrom(['api', 'worker', 'db', 'workflows'])].sort().map((room) => `${room}/`);
    expect(
      copied('bundled')
        .filter((source) => source.endsWith('/') && source !== 'patches/')
        .sort(),
    ).toEqual(rooms);
  });

  it('copies nothing that .dockerignore excludes, which excludes everything else', () => {
    const [everything, ...allowed] = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    const wanted = new Set(copied('bundled').map((source) => `!${source.replace(/\/$/, '')}`));
    expect(everything).toBe('*');
    expect(new Set(allowed)).toEqual(wanted);
  });

  it('installs exactly the lockfile, without development packages', () => {
    expect(commandsOf(inherited(stages, 'packages'))[0]).toMatch(/^npm ci --omit=dev /);
  });

  it.each(TARGETS)(
    'runs %s as a numbered user, directly and not through a shell, so that the stop signal reaches it',
    (target) => {
      const { command, user, stopSignal } = containerStartOf(inherited(stages, target));
      expect(user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect(command[0]).toBe('node');
      const entry = command.slice(1).find((argument) => !argument.startsWith('--'));
      expect(
        existsSync(new URL(entry!, ROOT)) || BUNDLES.includes(`node worker/bundle.ts ${target} ${entry!}`),
        entry,
      ).toBe(true);
      expect(stopSignal).toBe('SIGTERM');
    },
  );
});

describe('the health check', () => {
  const ask = (target: 'api' | 'worker', env: Record<string, string>) => {
    const [, ...args] = containerStartOf(inherited(stages, target)).healthCommand!;
    return exitOf(spawn(process.execPath, args, { env, stdio: 'ignore' }));
  };

  it('of a worker passes while the worker lives, ready or not, and fails when nothing answers', async () => {
    const port = await freePort();
    expect(await ask('worker', { HEALTH_PORT: String(port) })).toBe('exit code 1');
    const server = startHealthServer({ host: '127.0.0.1', port }, () => false);
    onTestFinished(() => void server.close());
    expect(await ask('worker', { HEALTH_PORT: String(port) })).toBe('exit code 0');
  });

  it('of an API asks for liveness, and fails on any status but a success', async () => {
    const statuses: Record<string, number> = { '/health/live': 200 };
    const server = createServer((req, res) => res.writeHead(statuses[req.url ?? ''] ?? 503).end()).listen(
      0,
      '127.0.0.1',
    );
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const env = { PORT: String((server.address() as AddressInfo).port) };
    expect(await ask('api', env)).toBe('exit code 0');
    statuses['/health/live'] = 500;
    expect(await ask('api', env)).toBe('exit code 1');
  });
});
