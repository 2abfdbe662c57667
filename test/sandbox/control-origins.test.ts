import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOAuthSandbox } from '../support/sandbox/sandbox-oauth.ts';
import type { RunningOAuthSandbox } from '../support/sandbox/sandbox-oauth.ts';

let sandbox: RunningOAuthSandbox;
beforeAll(async () => {
  sandbox = await startOAuthSandbox();
});
afterAll(() => sandbox.close());

/** Sends any Host header, which fetch does not allow. */
function statusOf(url: string, headers: Readonly<Record<string, string>>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const sent = request(
      { hostname, port, path: method === 'GET' ? '/calls' : '/reset', method, headers },
      (answer) => {
        answer.resume();
        answer.once('end', () => {
          resolve(answer.statusCode ?? 0);
        });
      },
    );
    sent.once('error', reject).end();
  });
}

describe.each(['stripe', 'square', 'quickbooks', 'mailchimp', 'xero'] as const)('the control API of %s', (provider) => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['another site’s page', { origin: 'https://attacker.test' }],
    ['another site’s page that hides where it comes from', { origin: 'null' }],
    ['a page whose host begins as ours', { origin: 'http://localhost.attacker.test' }],
    ['a page whose host begins as our address', { origin: 'http://127.0.0.1.attacker.test' }],
    ['a page’s image, which sends no Origin', { 'sec-fetch-site': 'cross-site' }],
    ['a name that was made to resolve to this machine', { host: 'attacker.test' }],
    ['such a name with a port', { host: 'attacker.test:4010' }],
    ['another address', { host: '10.0.0.1' }],
  ])('rejects %s', async (_who, headers) => {
    expect([
      await statusOf(sandbox[provider].controlUrl, headers),
      await statusOf(sandbox[provider].controlUrl, headers, 'POST'),
    ]).toEqual([403, 403]);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['programs, by its address', {}],
    ['programs, by name', { host: 'localhost:4010' }],
    ['programs, by IPv6', { host: '[::1]:4010' }],
    ['pages of this machine', { origin: 'http://localhost:5173', 'sec-fetch-site': 'same-site' }],
  ])('serves %s', async (_who, headers) => {
    expect(await statusOf(sandbox[provider].controlUrl, headers)).toBe(200);
  });
});
