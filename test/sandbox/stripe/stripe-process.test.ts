import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { NODE_COMPILE_CACHE } from '../../../runtime/start/home.ts';
import { aHome, clientOf, controlOf, stripeError } from '../support.ts';
import { later } from '../../support/later.ts';
import type { StripeSandbox } from '../../../sandbox/stripe/stripe-sandbox.ts';

const MAIN = fileURLToPath(new URL('../../../sandbox/main.ts', import.meta.url));

describe('the sandbox process', () => {
  it('recovers after kill -9 everything it had answered: customers, deletions, events, keys, accounts, clock', async () => {
    const home = aHome();
    const first = await aProcess({ home });
    await first.control.limits({ requestsPerSecond: 0 });
    await first.control.seed({ count: 500 });
    const other = await first.control.call<{ id: string; secretKey: string }>('POST', '/accounts', { name: 'Second' });
    const created = await first.stripe.customers.create({ name: 'Ana' }, { idempotencyKey: 'k1' });
    const [seeded, doomed] = (await first.control.customers()).slice(-2);
    await first.stripe.customers.update(seeded?.id ?? '', { name: 'Renamed' });
    await first.stripe.customers.del(doomed?.id ?? '');
    await first.control.fault({ kind: 'commit-then-fail', status: 500, match: { method: 'POST' }, times: 1 });
    await stripeError(first.stripe.customers.create({ name: 'Ben' }, { idempotencyKey: 'k2' }));
    await first.control.clock({ offsetMs: 5_000 });
    const before = {
      customers: await first.control.customers('?includeDeleted=true'),
      events: (await first.stripe.events.list()).data,
    };
    await first.kill('SIGKILL');

    const second = await aProcess({ home });
    expect(second.ready.secretKey).toBe(first.ready.secretKey);
    expect(await second.control.customers('?includeDeleted=true')).toEqual(before.customers);
    expect((await second.stripe.events.list()).data).toEqual(before.events);
    expect(await second.stripe.customers.create({ name: 'Ana' }, { idempotencyKey: 'k1' })).toEqual(created);
    expect(await stripeError(second.stripe.customers.create({ name: 'Ben' }, { idempotencyKey: 'k2' }))).toMatchObject({
      statusCode: 500,
    });
    expect((await second.control.accounts()).map(({ secretKey }) => secretKey)).toEqual([
      first.ready.secretKey,
      other.secretKey,
    ]);
    expect(await second.control.call('GET', '/clock')).toMatchObject({ offsetMs: 5_000 });
    expect(await second.control.call('GET', '/limits')).toMatchObject({ requestsPerSecond: 0 });
    // A new customer sorts after the old ones, and a new seed reuses no id.
    const { id } = await second.stripe.customers.create({ name: 'Later' });
    expect((await second.control.customers())[0]?.id).toBe(id);
    await second.control.seed({ count: 500 });
    const ids = (await second.control.customers()).map((customer) => customer.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('recovers after kill -9 what account owners granted at each provider, and the apps they granted it to', async () => {
    const home = aHome();
    const first = await aProcess({ home });
    const told = (provider: string, name: string) => first.all[provider]?.[name] ?? '';
    const pages = {
      stripe: { page: `${told('stripe', 'connectUrl')}/oauth/authorize`, clientId: told('stripe', 'connectClientId') },
      square: { page: `${told('square', 'apiUrl')}/oauth2/authorize`, clientId: told('square', 'clientId') },
      quickbooks: {
        page: told('quickbooks', 'authorizeUrl'),
        clientId: told('quickbooks', 'clientId'),
        scope: 'com.intuit.quickbooks.accounting',
      },
      mailchimp: { page: `${told('mailchimp', 'apiUrl')}/oauth2/authorize`, clientId: told('mailchimp', 'clientId') },
    };
    for (const [provider, { page, clientId, ...more }] of Object.entries(pages)) {
      const query = new URLSearchParams({
        response_type: 'code',
        state: 's',
        redirect_uri: 'http://localhost:3000/callback',
        client_id: clientId,
        ...more,
      });
      await controlOf(told(provider, 'controlUrl')).call('POST', '/approve', {
        authorizationUrl: `${page}?${query.toString()}`,
      });
    }
    const codesOf = ({ all }: typeof first) =>
      Promise.all(Object.keys(pages).map((provider) => controlOf(all[provider]?.['controlUrl'] ?? '').state('codes')));
    const before = await codesOf(first);
    expect(before.map((each) => each.length)).toEqual([1, 1, 1, 1]);
    await first.kill('SIGKILL');
    const second = await aProcess({ home });
    expect(await codesOf(second)).toEqual(before);
    for (const field of ['clientId', 'clientSecret', 'connectClientId', 'appClientId', 'platformKey']) {
      for (const provider of Object.keys(first.all))
        expect(second.all[provider]?.[field]).toBe(first.all[provider]?.[field]);
    }
  });

  it('drops a line cut short by the kill, and rejects a journal damaged in the middle', async () => {
    const home = aHome();
    const first = await aProcess({ home });
    await first.stripe.customers.create({ name: 'Ana' });
    await first.kill('SIGKILL');
    const journal = join(home, 'stripe.jsonl');
    appendFileSync(journal, '[{"op":"customer","account":"acc');
    const second = await aProcess({ home });
    expect(await second.control.customers()).toMatchObject([{ name: 'Ana' }]);
    await second.kill('SIGKILL');

    appendFileSync(journal, '{broken\n[]\n');
    const third = launch({ SANDBOX_HOME: home });
    const [code] = (await once(third.child, 'exit')) as [number];
    expect(code).toBe(1);
    expect(third.stderr()).toMatch(/stripe\.jsonl is damaged at line \d+/);
  });

  it('takes its keys and ports from the environment, prints one line when ready, and stops on SIGTERM', async () => {
    const sandbox = await aProcess({
      env: {
        SANDBOX_STRIPE_SECRET_KEY: 'sk_test_fromtheenvironment',
        SANDBOX_STRIPE_WEBHOOK_SECRET: 'whsec_fromtheenvironment',
      },
    });
    expect(sandbox.ready).toMatchObject({
      secretKey: 'sk_test_fromtheenvironment',
      webhookSecret: 'whsec_fromtheenvironment',
    });
    expect(await sandbox.stripe.accounts.retrieveCurrent()).toMatchObject({ object: 'account' });
    // An open client connection does not delay the exit.
    expect(await sandbox.kill('SIGTERM')).toEqual([0, null]);
    expect(sandbox.stdoutLines).toHaveLength(1);
  });

  it('stops when the parent behind its IPC channel exits', async () => {
    const sandbox = await aProcess({ stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    const exit = once(sandbox.child, 'exit');
    sandbox.child.disconnect();
    expect(await exit).toEqual([0, null]);
  });

  it('refuses to start and names every invalid variable without its value', async () => {
    const { child, stderr } = launch({ SANDBOX_STRIPE_PORT: '70000', SANDBOX_STRIPE_SECRET_KEY: 'sk_live_precious' });
    expect(((await once(child, 'exit')) as [number])[0]).toBe(1);
    expect(stderr()).toContain('SANDBOX_STRIPE_PORT');
    expect(stderr()).toContain('SANDBOX_STRIPE_SECRET_KEY');
    expect(stderr()).not.toContain('precious');
  });

  it('reports a port in use in one line', async () => {
    const { ready } = await aProcess({});
    const { child, stderr } = launch({ SANDBOX_STRIPE_PORT: new URL(ready.apiUrl).port });
    expect(((await once(child, 'exit')) as [number])[0]).toBe(1);
    expect(stderr()).toMatch(/^sandbox: .*EADDRINUSE.*\n$/);
  });
});

function launch(env: Record<string, string>, stdio: StdioOptions = ['ignore', 'pipe', 'pipe']) {
  const complete = { PATH: process.env['PATH'], NODE_COMPILE_CACHE, ...env };
  const child: ChildProcess = spawn(process.execPath, [MAIN], { env: complete, stdio });
  later(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return { child, stderr: () => stderr };
}

async function aProcess({
  home,
  env = {},
  stdio,
}: {
  home?: string;
  env?: Record<string, string>;
  stdio?: StdioOptions;
}) {
  const { child, stderr } = launch({ ...(home && { SANDBOX_HOME: home }), ...env }, stdio);
  if (!child.stdout) throw new Error('the child has no standard output');
  const stdoutLines: string[] = [];
  const lines = createInterface({ input: child.stdout }).on('line', (line) => stdoutLines.push(line));
  const [line] = (await Promise.race([once(lines, 'line'), once(child, 'exit')])) as [string];
  if (typeof line !== 'string') throw new Error(`the sandbox did not start: ${stderr()}`);
  const { ready, sandbox: all } = JSON.parse(line) as {
    ready: boolean;
    sandbox: { stripe: Omit<StripeSandbox, 'close'> };
  };
  const { stripe } = all;
  expect(ready).toBe(true);
  return {
    child,
    stdoutLines,
    ready: stripe,
    all: all as unknown as Readonly<Record<string, Readonly<Record<string, string>>>>,
    stripe: clientOf(stripe),
    control: controlOf(stripe.controlUrl),
    async kill(signal: NodeJS.Signals) {
      const exit = once(child, 'exit');
      child.kill(signal);
      return exit;
    },
  };
}
