import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { variableName } from '../../config/provider-settings.ts';
import { standInPortNames } from '../../config/sandbox-variables.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import { providerEnvironment } from '../../runtime/processes/child-environment.ts';
import { readReadyLine } from '../../runtime/start/sandbox.ts';
import { readConfig } from '../../sandbox/config.ts';
import { defineStandIn, optionVariable } from '../../sandbox/core/stand-in.ts';
import type { StandInPlace } from '../../sandbox/core/stand-in.ts';
import { startSandboxes } from '../../sandbox/sandboxes.ts';
import { STAND_INS } from '../../sandbox/stand-ins.ts';

/** A stand-in as a folder of `sandbox/` would export it, which listens and does nothing else. */
function aStandIn() {
  const given: (StandInPlace & { readonly secretKey?: string | undefined })[] = [];
  const closed: string[] = [];
  const standIn = defineStandIn({
    id: 'corner-desk',
    options: { secretKey: z.string().min(8, 'must have 8 characters').optional() },
    async start(place) {
      given.push(place);
      const server = createServer().listen(place.port, '127.0.0.1');
      await once(server, 'listening');
      const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const close = async () => {
        closed.push(apiUrl);
        server.close();
        await once(server, 'close');
      };
      return { apiUrl, controlUrl: `${apiUrl}/control`, secretKey: place.secretKey ?? 'made-up', close };
    },
    settings: ({ apiUrl, secretKey }) => [
      { CORNER_DESK_URL: apiUrl },
      { CORNER_DESK_KEY: secretKey, CORNER_DESK_SANDBOX: 'true' },
    ],
  });
  return { standIn, given, closed };
}

describe('a stand-in that is a folder and a line of the list', () => {
  it('reads its ports and options from variables named after it, and tells npm start where it is and what to set', async () => {
    const { standIn, given } = aStandIn();
    const env = {
      SANDBOX_CORNER_DESK_PORT: '0',
      SANDBOX_CORNER_DESK_CONTROL_PORT: '',
      SANDBOX_CORNER_DESK_SECRET_KEY: 'of-the-user',
      SANDBOX_HOME: '/nowhere',
      SANDBOX_WEBHOOKS_URL: 'http://127.0.0.1:3000/webhooks',
    };
    const { sandbox, settings, close } = await startSandboxes(readConfig(env, [standIn]));
    expect(given).toEqual([
      {
        ...{ port: 0, controlPort: 0, secretKey: 'of-the-user', home: '/nowhere' },
        webhookUrl: 'http://127.0.0.1:3000/webhooks/corner-desk',
      },
    ]);
    const ready = readReadyLine(JSON.stringify({ ready: true, sandbox, settings }));
    const { apiUrl } = ready!.sandbox['corner-desk']!;
    expect(ready?.sandbox).toEqual({
      'corner-desk': { apiUrl, controlUrl: `${apiUrl}/control`, secretKey: 'of-the-user' },
    });
    const everything = { CORNER_DESK_URL: apiUrl, CORNER_DESK_KEY: 'of-the-user', CORNER_DESK_SANDBOX: 'true' };
    expect(providerEnvironment({}, ready!.settings)).toEqual(everything);
    expect(providerEnvironment({ CORNER_DESK_SANDBOX: 'false' }, ready!.settings)).toEqual({ CORNER_DESK_URL: apiUrl });
    expect(providerEnvironment({ CORNER_DESK_URL: 'https://desk.example' }, ready!.settings)).toEqual({});
    await close();
  });

  it('is refused with the names of all its wrong variables and none of their values', () => {
    const { standIn } = aStandIn();
    const env = {
      SANDBOX_CORNER_DESK_PORT: '70000',
      SANDBOX_CORNER_DESK_SECRET_KEY: 'secret',
      SANDBOX_WEBHOOKS_URL: 'ftp://precious',
    };
    const read = () => readConfig(env, [standIn]);
    for (const name of Object.keys(env)) expect(read).toThrow(name);
    for (const value of Object.values(env)) expect(read).not.toThrow(value);
  });

  it('is closed when another one does not start', async () => {
    const { standIn, closed } = aStandIn();
    const broken = defineStandIn({
      ...{ id: 'broken', options: {}, settings: () => [] },
      start: () => Promise.reject(new Error('it does not start')),
    });
    await expect(startSandboxes(readConfig({}, [standIn, broken]))).rejects.toThrow('it does not start');
    expect(closed).toHaveLength(1);
  });
});

describe('the list of stand-ins', () => {
  const folder = (name: string) => new URL(`../../sandbox/${name}`, import.meta.url);

  it('has every folder that exports one, under the id of a provider', () => {
    const folders = readdirSync(folder('.')).filter((name) => existsSync(folder(`${name}/index.ts`)));
    const ids = STAND_INS.map(({ id }) => id);
    expect(ids.toSorted()).toEqual(folders.toSorted());
    expect(PROVIDERS.map(({ id }) => id)).toEqual(expect.arrayContaining(ids));
  });

  it('answers for settings of its provider and no other, each once', async () => {
    const { settings, close } = await startSandboxes(readConfig({}, STAND_INS));
    for (const { id } of STAND_INS) {
      const names = (settings[id] ?? []).flatMap((group) => Object.keys(group));
      const { settings: declared = {} } = PROVIDERS.find((provider) => provider.id === id) ?? {};
      expect(Object.keys(declared).map((name) => variableName(id, name))).toEqual(expect.arrayContaining(names));
      expect(new Set(names).size).toBe(names.length);
    }
    await close();
  });

  it('reads the ports that npm start chooses under the same names', () => {
    for (const { id } of STAND_INS)
      expect(standInPortNames(id)).toEqual({
        api: optionVariable(id, 'port'),
        control: optionVariable(id, 'controlPort'),
      });
  });
});
