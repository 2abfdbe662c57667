import { startMailchimpSandbox } from '../../../sandbox/mailchimp/mailchimp-sandbox.ts';
import type { OAuthSandboxOptions } from '../../../sandbox/oauth/oauth-sandbox.ts';
import { startQuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import { startSquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import { STAND_INS } from '../../../sandbox/stand-ins.ts';
import { startStripeSandbox } from '../../../sandbox/stripe/stripe-sandbox.ts';
import { startXeroSandbox } from '../../../sandbox/xero/xero-sandbox.ts';
import type { SandboxSettings } from '../../../runtime/start/sandbox.ts';
import type { AppProvider } from '../test-providers.ts';
import type { SandboxCall } from './sandbox-control.ts';

/** The stand-ins of all providers, each with its API, control API and app credentials. */
export async function startOAuthSandbox(options: Pick<OAuthSandboxOptions, 'home'> = {}) {
  const [stripe, square, quickbooks, mailchimp, xero] = await Promise.all([
    startStripeSandbox({ ...options, limits: { requestsPerSecond: 0, searchDelayMs: 0 } }),
    startSquareSandbox(options),
    startQuickBooksSandbox(options),
    startMailchimpSandbox(options),
    startXeroSandbox(options),
  ]);
  return {
    stripe,
    square,
    quickbooks,
    mailchimp,
    xero,
    async close() {
      await Promise.all([stripe, square, quickbooks, mailchimp, xero].map((sandbox) => sandbox.close()));
    },
  };
}

export type RunningOAuthSandbox = Awaited<ReturnType<typeof startOAuthSandbox>>;

/** Environment variables that point api and worker at these stand-ins, in the form that the sandbox process prints. */
export const settingsOf = (sandbox: RunningOAuthSandbox): SandboxSettings =>
  Object.fromEntries(
    STAND_INS.filter(({ id }) => id in sandbox).map((standIn) => [
      standIn.id,
      standIn.settings(sandbox[standIn.id as AppProvider]),
    ]),
  );

export interface OAuthCall extends SandboxCall {
  readonly account: string | null;
  readonly fault: string | null;
  readonly grantType: string | null;
}

export interface GrantState {
  readonly id: string;
  readonly account: string;
  readonly flow: string;
  readonly scopes: readonly string[];
  readonly endedAtMs: number | null;
  readonly endedBy: 'app' | 'owner' | 'code-replay' | null;
}

export interface TokenState {
  readonly kind: 'access' | 'refresh';
  readonly grant: string;
  readonly expiresAtMs: number | null;
  readonly state: 'live' | 'expired' | 'superseded' | 'revoked';
}

/** A client of a stand-in's control API for grants. Any failure fails the test. */
export function oauthControl(controlUrl: string) {
  async function send<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${controlUrl}${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }
  const list = async <T>(path: string): Promise<readonly T[]> =>
    (await send<{ readonly data: readonly T[] }>('GET', path)).data;
  return {
    send,
    /** The owner approves; `account` is an id, `new`, or the first account. Returns the browser's next URL. */
    approve: (authorizationUrl: string, account?: string) =>
      send<{ readonly redirectUrl: string; readonly account: string }>('POST', '/approve', {
        authorizationUrl,
        ...(account !== undefined && { account }),
      }),
    deny: (authorizationUrl: string) =>
      send<{ readonly redirectUrl: string; readonly account: null }>('POST', '/approve', {
        authorizationUrl,
        deny: true,
      }),
    /** The owner revokes the grant at the provider. */
    revoke: (account: string, flow?: string) =>
      send<{ readonly ended: number }>('POST', '/revoke', { account, ...(flow !== undefined && { flow }) }),
    /** Expires the account's access tokens. */
    expire: (account: string, kind: 'access' | 'refresh' | 'all' = 'access') =>
      send<{ readonly expired: number }>('POST', '/expire', { account, kind }),
    accounts: () =>
      list<{ readonly id: string; readonly name: string; readonly details?: Readonly<Record<string, string>> }>(
        '/accounts',
      ),
    addAccount: (name?: string) =>
      send<{ readonly id: string; readonly name: string; readonly details?: Readonly<Record<string, string>> }>(
        'POST',
        '/accounts',
        { ...(name !== undefined && { name }) },
      ),
    grants: (account?: string) =>
      list<GrantState>(`/state/grants${account === undefined ? '' : `?account=${account}`}`),
    tokens: (account?: string) =>
      list<TokenState>(`/state/tokens${account === undefined ? '' : `?account=${account}`}`),
    calls: (since = 0) => list<OAuthCall>(`/calls?since=${since}`),
    fault: (fault: object) => send('POST', '/faults', fault),
    clearFaults: () => send('DELETE', '/faults'),
    /** Sets the provider's clock this far ahead of ours, or behind it. */
    clock: (offsetMs: number) => send('POST', '/clock', { offsetMs }),
    reset: () => send('POST', '/reset'),
  };
}
