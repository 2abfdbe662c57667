import { SquareClient } from 'square';
import type { SandboxCall } from './sandbox-control.ts';

type WireObject = Readonly<Record<string, unknown>>;

export interface SquareMerchant {
  readonly id: string;
  readonly token: string;
  readonly mainLocationId: string;
  /** Square's own SDK, used as the merchant's other software. */
  readonly client: SquareClient;
  /** Creates this many objects and returns their ids. */
  seed(resource: string, count: number): Promise<readonly string[]>;
  /** Creates objects in Square's own shape. */
  put(resource: string, objects: readonly (WireObject & { readonly id: string })[]): Promise<readonly string[]>;
  /** Merges customers, as the seller or Square itself does, and returns the new profile's id. */
  merge(...ids: readonly string[]): Promise<string>;
  /** Opens locations besides the main one. */
  openLocations(...ids: readonly string[]): Promise<unknown>;
  objects<T extends WireObject>(kind: string): Promise<readonly T[]>;
  /** The requests for this merchant. */
  calls(): Promise<readonly SandboxCall[]>;
}

const CALLBACK = 'https://interlock.test/callback';

interface SquareAddress {
  readonly apiUrl: string;
  readonly controlUrl: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
}

/** A client of the stand-in Square’s control API. Any failure fails the test. */
export function squareSandboxControl({ apiUrl, controlUrl, clientId, clientSecret }: SquareAddress) {
  async function send<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${controlUrl}${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }
  const merchantOf = ({ id, details }: Account): SquareMerchant => {
    const token = details['personalToken'] ?? '';
    const seed = async (body: object) =>
      (await send<{ readonly ids: readonly string[] }>('POST', '/seed', { ...body, account: id })).ids;
    return {
      id,
      token,
      mainLocationId: details['mainLocationId'] ?? '',
      client: new SquareClient({ baseUrl: apiUrl, token, maxRetries: 0 }),
      seed: (resource, count) => seed({ resource, count }),
      put: (resource, objects) => seed({ resource, objects }),
      merge: async (...ids) =>
        (await send<{ readonly id: string }>('POST', '/merge-customers', { account: id, ids })).id,
      openLocations: (...ids) => {
        // Sorted by name, with the main one first.
        const main = { id: details['mainLocationId'] ?? '', name: 'A main one' };
        const all = [main, ...ids.map((location) => ({ id: location, name: `Branch ${location}` }))];
        return send('PUT', '/locations', { account: id, locations: all });
      },
      objects: async <T extends WireObject>(kind: string) =>
        (await send<{ readonly data: readonly T[] }>('GET', `/state/${kind}?account=${id}`)).data,
      calls: async () =>
        (await send<{ readonly data: readonly SandboxCall[] }>('GET', `/calls?since=0&account=${id}`)).data,
    };
  };
  return {
    send,
    addMerchant: async () => merchantOf(await send<Account>('POST', '/accounts', {})),
    /** The merchants that remain after a reset. */
    merchants: async () => (await send<{ readonly data: readonly Account[] }>('GET', '/accounts')).data.map(merchantOf),
    /** An access token with these scopes alone, as a merchant's consent gives it. */
    async tokenFor(account: string, scope: string): Promise<string> {
      const app = { clientId: clientId ?? '', clientSecret: clientSecret ?? '' };
      const consent = new URLSearchParams({ client_id: app.clientId, scope, redirect_uri: CALLBACK });
      const { redirectUrl } = await send<{ readonly redirectUrl: string }>('POST', '/approve', {
        authorizationUrl: `${apiUrl}/oauth2/authorize?${consent.toString()}`,
        account,
      });
      const code = new URL(redirectUrl).searchParams.get('code') ?? '';
      const client = new SquareClient({ baseUrl: apiUrl, maxRetries: 0 });
      return (
        (await client.oAuth.obtainToken({ ...app, grantType: 'authorization_code', code, redirectUri: CALLBACK }))
          .accessToken ?? ''
      );
    },
    fault: (fault: object) => send('POST', '/faults', fault),
    /** Requests for any merchant, and those without a known one. */
    calls: async () => (await send<{ readonly data: readonly SandboxCall[] }>('GET', '/calls?since=0')).data,
    clearFaults: () => send('DELETE', '/faults'),
    limits: (limits: object) => send('POST', '/limits', limits),
    /** Sets Square's clock this far ahead of ours. */
    clock: (offsetMs: number) => send('POST', '/clock', { offsetMs }),
    reset: () => send('POST', '/reset'),
  };
}

interface Account {
  readonly id: string;
  readonly details: Readonly<Record<string, string>>;
}
