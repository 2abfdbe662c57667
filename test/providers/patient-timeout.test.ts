import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patientTimeout } from '../../providers/http/patient-timeout.ts';

const TIMEOUT_MS = 2_000;
const ANSWER = 'a token that works once';

let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/ready') response.end();
    else server.emit('asked', response, request.url);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** A process of its own makes a call with a timeout, and prints what came of it. */
const CALLER = `
  import { patientTimeout } from ${JSON.stringify(new URL('../../providers/http/patient-timeout.ts', import.meta.url).href)};
  const [url] = process.argv.slice(1);
  // So that the call that counts is sent at once.
  await (await fetch(new URL('/ready', url))).text();
  const { signal } = patientTimeout(${TIMEOUT_MS});
  const keepAlive = setInterval(() => undefined, 1_000);
  const answer = await fetch(url, { signal }).then((response) => response.text(), (error) => error.name);
  clearInterval(keepAlive);
  console.log(answer);`;

/** Stops the caller's process before its call is answered, as a suspended machine does, until long after its timeout. */
async function callFrozen(path: string): Promise<string> {
  const caller = spawn(process.execPath, ['--input-type=module', '-e', CALLER, `${url}${path}`]);
  let printed = '';
  caller.stdout.on('data', (text: Buffer) => (printed += text.toString()));
  const [response, asked] = (await once(server, 'asked')) as [ServerResponse, string];
  // Until it waits for the network.
  await delay(50);
  caller.kill('SIGSTOP');
  if (asked === '/answered') response.end(ANSWER);
  await delay(2 * TIMEOUT_MS);
  caller.kill('SIGCONT');
  await once(caller, 'close');
  return printed.trim();
}

describe('a call whose process is frozen beyond its timeout', () => {
  it('returns the answer that has arrived meanwhile', async () => {
    expect(await callFrozen('/answered')).toBe(ANSWER);
  });

  it('is aborted soon after it goes on, when no answer has come', async () => {
    expect(await callFrozen('/silent')).toBe('TimeoutError');
  });
});

it('a call is aborted on time when nothing is frozen', async () => {
  const { signal } = patientTimeout(TIMEOUT_MS);
  await expect(fetch(`${url}/silent`, { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
});

it('a timeout that is cleared aborts nothing', async () => {
  const timeout = patientTimeout(20);
  timeout.clear();
  await delay(60);
  expect(timeout.signal.aborted).toBe(false);
});
