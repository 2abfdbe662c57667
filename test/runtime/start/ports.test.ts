import net from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { choosePort, freePort, isFree } from '../../../runtime/start/ports.ts';
import { PROVIDERS } from '../../../providers/registry.ts';
import { runNode } from '../support.ts';
import { choosePorts } from '../../../runtime/start/service-ports.ts';

async function aTakenPort(host = '127.0.0.1'): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

test('a taken standard port is replaced by a free one, with one line that says so', async () => {
  const standard = await aTakenPort();
  const { port, note } = await choosePort({ variable: 'PORT', standard, what: 'the API' }, {});
  expect(port).not.toBe(standard);
  expect(await isFree(port)).toBe(true);
  expect(note).toBe(`port ${standard} is taken: the API listens on ${port} (PORT sets it)`);
});

test('a taken port that the user set is rejected by variable name', async () => {
  const taken = await aTakenPort();
  await expect(
    choosePort({ variable: 'PORT', standard: 3000, what: 'the API' }, { PORT: String(taken) }),
  ).rejects.toThrow(`PORT=${taken} is taken: another program listens there. Set PORT to a free port, or unset it.`);
});

test('a listener on every address counts as taking the port', async () => {
  expect(await isFree(await aTakenPort('0.0.0.0'))).toBe(false);
});

test('a free standard port is used without a message', async () => {
  const standard = await freePort();
  expect(await choosePort({ variable: 'PORT', standard, what: 'the API' }, { PORT: '' })).toEqual({
    port: standard,
    note: null,
  });
});

test('a standard port of another service of this copy is not assigned twice', async () => {
  const standard = await freePort();
  const { port } = await choosePort({ variable: 'PORT', standard, what: 'the API' }, {}, new Set([standard]));
  expect(port).not.toBe(standard);
});

test('a free port is never given twice to one process, although nothing listens on it yet', async () => {
  const given = await Promise.all(Array.from({ length: 400 }, () => freePort()));
  expect(new Set(given).size).toBe(400);
});

test('free ports are spread so that processes which choose many at the same time choose different ones', async () => {
  const program =
    "import { freePort } from './runtime/start/ports.ts'; const ports = []; for (let n = 0; n < 10; n += 1) ports.push(await freePort()); console.log(ports.join(' '));";
  const outcomes = await Promise.all(
    Array.from({ length: 4 }, () => runNode(['--input-type=module', '--eval', program])),
  );
  const given = outcomes.flatMap(({ stdout }) => stdout.trim().split(' '));
  expect([given.length, new Set(given).size]).toEqual([40, 40]);
});

test('a free port is not one that the user set for another service of this copy', async () => {
  const probe = await freePort();
  const reserved = new Set([probe + 1, probe + 2]);
  const { port } = await choosePort({ variable: 'PORT', standard: 3000, what: 'the API' }, { PORT: '0' }, reserved);
  expect(reserved.has(port)).toBe(false);
});

test.each(['x', '70000', '-1', '3000.5', '123456'])('an invalid PORT=%s is rejected by name', async (value) => {
  await expect(choosePort({ variable: 'PORT', standard: 3000, what: 'the API' }, { PORT: value })).rejects.toThrow(
    'PORT is wrong: it must be a whole number from 0 to 65535.',
  );
});

test('an external service gets no port', async () => {
  const zero = {
    PORT: '0',
    TEMPORAL_PORT: '0',
    TEMPORAL_UI_PORT: '0',
    POSTGRES_PORT: '0',
    SANDBOX_STRIPE_PORT: '0',
    SANDBOX_STRIPE_CONTROL_PORT: '0',
  };
  const ports = await choosePorts(
    { ...zero, DATABASE_URL: 'postgres://x/y', TEMPORAL_ADDRESS: 'x:7233' },
    () => undefined,
    PROVIDERS,
  );
  expect(ports).toMatchObject({ postgres: 0, temporal: 0, temporalUi: 0 });
  expect(ports.api).toBeGreaterThan(0);
  expect(ports.workerHealth).toBeGreaterThan(0);
});

test('each provider’s stand-in gets two ports: the standard ones where they are free, those that the user set, or any others', async () => {
  const [api, set] = [await freePort(), await freePort()];
  const providers = [
    { id: 'corner-desk', displayName: 'Corner Desk', settings: {}, standInPorts: { api, control: await aTakenPort() } },
    { id: 'other', displayName: 'Other', settings: {} },
  ];
  const lines: string[] = [];
  const env = {
    ...{ PORT: '0', TEMPORAL_ADDRESS: 'x:7233', DATABASE_URL: 'postgres://x/y' },
    SANDBOX_OTHER_CONTROL_PORT: String(set),
  };
  const { standIns } = await choosePorts(env, (line) => lines.push(line), providers);
  expect(standIns).toMatchObject({ SANDBOX_CORNER_DESK_PORT: api, SANDBOX_OTHER_CONTROL_PORT: set });
  expect(Object.keys(standIns)).toHaveLength(4);
  expect(new Set(Object.values(standIns)).size).toBe(4);
  expect(lines).toEqual([
    expect.stringMatching(
      /the Corner Desk sandbox's control listens on \d+ \(SANDBOX_CORNER_DESK_CONTROL_PORT sets it\)$/,
    ),
  ]);
});
