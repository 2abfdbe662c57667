import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWebhookSender } from '../../activities/outgoing/send-webhook.ts';
import { OUTGOING_EVENT_TYPES } from '../../contracts/outgoing-webhooks.ts';
import { LOOPBACK, guardedFetch } from '../../providers/kit/address-guard.ts';
import { REPOSITORY } from '../../runtime/start/home.ts';
import { Secret } from '../../vault/secret.ts';
import { until } from '../support/eventually.ts';

const PAGE = readFileSync(new URL('../../docs/outgoing-webhooks.md', import.meta.url), 'utf8');
const CODE = /```js\n([^]*?)```/.exec(PAGE)?.[1] ?? '';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('docs/outgoing-webhooks.md', () => {
  const secret = new Secret(`whsec_${randomBytes(48).toString('base64')}`);
  let stop: () => void;
  let url: string;
  let printed = '';
  beforeAll(async () => {
    const port = await freePort();
    const receiver = spawn(process.execPath, ['--input-type=module', '-e', CODE], {
      cwd: REPOSITORY,
      env: { PATH: process.env['PATH'], PORT: String(port), WEBHOOK_SECRET: secret.expose() },
    });
    receiver.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    stop = () => receiver.kill();
    url = `http://127.0.0.1:${port}/`;
    const answers = () =>
      fetch(url).then(
        () => true,
        () => false,
      );
    await until(answers, { limitMs: 20_000, what: 'the receiver answers' });
  }, 30_000);
  afterAll(() => {
    stop();
  });

  const send = (as: Secret) =>
    createWebhookSender({ fetch: guardedFetch(LOOPBACK) })(
      { id: 'msg-1', type: 'sync.finished', occurredAt: new Date(), data: { path: '/v1/a' } },
      { url, secrets: [as], signal: new AbortController().signal },
    );

  it('shows a receiver that accepts what is signed with its secret, and nothing else', async () => {
    expect(await send(new Secret(`whsec_${randomBytes(48).toString('base64')}`))).toEqual({
      status: 401,
      error: 'status',
    });
    expect(printed).toBe('');
    expect(await send(secret)).toEqual({ status: 204, error: null });
    await until(async () => printed.includes('msg-1 sync.finished /v1/a'), {
      limitMs: 20_000,
      what: 'it has printed the message',
    });
  });

  it('names every type of event', () => {
    for (const type of OUTGOING_EVENT_TYPES) expect(PAGE).toContain(`| \`${type}\` |`);
  });
});
