import type { SandboxCall } from './sandbox-control.ts';

type WireObject = Readonly<Record<string, unknown>>;

export interface XeroAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The JSON of the body, or `{ text }` of any other. */
  readonly body: WireObject;
}

export interface XeroAsk {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface XeroOrganisation {
  /** The tenant id. */
  readonly id: string;
  readonly token: string;
  /** Creates this many objects and returns their ids. */
  seed(collection: string, count: number): Promise<readonly string[]>;
  /** Stores objects in Xero’s own shape, each with its id. */
  put(collection: string, objects: readonly WireObject[]): Promise<readonly string[]>;
  objects<T extends WireObject>(kind: string): Promise<readonly T[]>;
  /** Archives a contact, deletes an item, or marks another object as deleted, as a person does. */
  vanish(collection: string, id: string): Promise<unknown>;
  /** One request to the organisation’s API, as its other software makes it. */
  ask(method: string, path: string, options?: XeroAsk): Promise<XeroAnswer>;
  /** The requests for this organisation. */
  calls(): Promise<readonly SandboxCall[]>;
}

interface Account {
  readonly id: string;
}

const CALLBACK = 'https://interlock.test/callback';

/** All scopes that the adapter asks for. */
export const XERO_TEST_SCOPES =
  'offline_access accounting.contacts accounting.invoices accounting.payments.read accounting.banktransactions.read accounting.settings accounting.reports.profitandloss.read accounting.reports.balancesheet.read';

export interface XeroAddress {
  readonly apiUrl: string;
  readonly controlUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** A client of the stand-in Xero’s control API. Any failure fails the test. */
export function xeroSandboxControl({ apiUrl, controlUrl, clientId, clientSecret }: XeroAddress) {
  async function send<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${controlUrl}${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
  /** An access token with these scopes, as a user’s consent gives it. */
  async function tokenFor(account: string, scope = XERO_TEST_SCOPES): Promise<string> {
    const consent = new URLSearchParams({ client_id: clientId, response_type: 'code', scope, state: 's' });
    consent.set('redirect_uri', CALLBACK);
    const { redirectUrl } = await send<{ readonly redirectUrl: string }>('POST', '/approve', {
      authorizationUrl: `${apiUrl}/identity/connect/authorize?${consent.toString()}`,
      account,
    });
    const code = new URL(redirectUrl).searchParams.get('code') ?? '';
    const response = await fetch(`${apiUrl}/connect/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK }),
    });
    return ((await response.json()) as { readonly access_token: string }).access_token;
  }
  const organisationOf = async ({ id }: Account): Promise<XeroOrganisation> => {
    const token = await tokenFor(id);
    const seed = async (body: object) =>
      (await send<{ readonly ids: readonly string[] }>('POST', '/seed', { ...body, account: id })).ids;
    return {
      ...{ id, token },
      seed: (collection, count) => seed({ resource: collection, count }),
      put: (collection, objects) => seed({ resource: collection, objects }),
      objects: async <T extends WireObject>(kind: string) =>
        (await send<{ readonly data: readonly T[] }>('GET', `/state/${kind}?account=${id}`)).data,
      vanish: (collection, object) => send('POST', '/vanish', { resource: collection, account: id, id: object }),
      async ask(method, path, { body, headers } = {}) {
        const response = await fetch(`${apiUrl}/api.xro/2.0/${path}`, {
          method,
          headers: {
            ...{ authorization: `Bearer ${token}`, 'xero-tenant-id': id, accept: 'application/json' },
            ...(body && { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body && { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        const value = (text.startsWith('{') ? JSON.parse(text) : { text }) as WireObject;
        return { status: response.status, headers: response.headers, body: value };
      },
      calls: async () =>
        (await send<{ readonly data: readonly SandboxCall[] }>('GET', `/calls?since=0&account=${id}`)).data,
    };
  };
  return {
    send,
    tokenFor,
    organisationOf: (id: string) => organisationOf({ id }),
    addOrganisation: async () => organisationOf(await send<Account>('POST', '/accounts', {})),
    /** The organisations that remain after a reset, each with a new token. */
    organisations: async () =>
      Promise.all((await send<{ readonly data: readonly Account[] }>('GET', '/accounts')).data.map(organisationOf)),
    fault: (fault: object) => send('POST', '/faults', fault),
    clearFaults: () => send('DELETE', '/faults'),
    limits: (limits: object) => send('POST', '/limits', limits),
    /** Bytes that have left each organisation. */
    egress: () => send<Readonly<Record<string, number>>>('GET', '/egress'),
    /** Requests for any organisation, and those without a known one. */
    calls: async () => (await send<{ readonly data: readonly SandboxCall[] }>('GET', '/calls?since=0')).data,
    /** Sets Xero’s clock this far ahead of ours. */
    clock: (offsetMs: number) => send('POST', '/clock', { offsetMs }),
    reset: () => send('POST', '/reset'),
  };
}
