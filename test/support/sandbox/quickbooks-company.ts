import type { SandboxCall } from './sandbox-control.ts';

type WireObject = Readonly<Record<string, unknown>>;

export interface QuickBooksCompany {
  /** The realm id. */
  readonly id: string;
  readonly token: string;
  /** Creates this many objects and returns their ids. */
  seed(entity: string, count: number): Promise<readonly string[]>;
  /** Stores objects in QuickBooks' own shape. */
  put(entity: string, objects: readonly (WireObject & { readonly Id: string })[]): Promise<readonly string[]>;
  objects<T extends WireObject>(kind: string): Promise<readonly T[]>;
  /** Deletes an object without asking, as a person does, or as a merge into another one does. */
  vanish(entity: string, id: string, into?: string): Promise<unknown>;
  /** One request to the company's API, as its other software makes it; `path` follows the company. */
  ask(
    method: 'GET' | 'POST',
    path: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly body: WireObject }>;
  /** The same with a success only. */
  write(path: string, body: object): Promise<WireObject>;
  /** The requests for this company. */
  calls(): Promise<readonly SandboxCall[]>;
}

interface Account {
  readonly id: string;
}

const CALLBACK = 'https://interlock.test/callback';

export interface QuickBooksAddress {
  readonly apiUrl: string;
  readonly controlUrl: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
}

/** A client of the stand-in QuickBooks' control API. Any failure fails the test. */
export function quickbooksSandboxControl(sandbox: QuickBooksAddress) {
  const { apiUrl, controlUrl, clientId = '', clientSecret = '' } = sandbox;
  async function send<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${controlUrl}${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
  /** An access token with these scopes, as an owner's consent gives it. */
  async function tokenFor(account: string, scope = 'com.intuit.quickbooks.accounting'): Promise<string> {
    const consent = new URLSearchParams({ client_id: clientId, response_type: 'code', scope, state: 's' });
    consent.set('redirect_uri', CALLBACK);
    const { redirectUrl } = await send<{ readonly redirectUrl: string }>('POST', '/approve', {
      authorizationUrl: `${apiUrl}/connect/oauth2?${consent.toString()}`,
      account,
    });
    const code = new URL(redirectUrl).searchParams.get('code') ?? '';
    const response = await fetch(`${apiUrl}/oauth2/v1/tokens/bearer`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK }),
    });
    return ((await response.json()) as { readonly access_token: string }).access_token;
  }
  const companyOf = async ({ id }: Account): Promise<QuickBooksCompany> => {
    const token = await tokenFor(id);
    const seed = async (body: object) =>
      (await send<{ readonly ids: readonly string[] }>('POST', '/seed', { ...body, account: id })).ids;
    const ask = async (method: 'GET' | 'POST', path: string, body?: object) => {
      const response = await fetch(`${apiUrl}/v3/company/${id}/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json',
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: (text.startsWith('{') ? JSON.parse(text) : { text }) as WireObject };
    };
    return {
      ...{ id, token, ask },
      seed: (entity, count) => seed({ resource: entity, count }),
      put: (entity, objects) => seed({ resource: entity, objects }),
      objects: async <T extends WireObject>(kind: string) =>
        (await send<{ readonly data: readonly T[] }>('GET', `/state/${kind}?account=${id}`)).data,
      vanish: (entity, object, into) => send('POST', '/vanish', { resource: entity, account: id, id: object, into }),
      async write(path: string, body: object) {
        const answer = await ask('POST', path, body);
        if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
        return answer.body;
      },
      calls: async () =>
        (await send<{ readonly data: readonly SandboxCall[] }>('GET', `/calls?since=0&account=${id}`)).data,
    };
  };
  return {
    send,
    tokenFor,
    companyOf: (id: string) => companyOf({ id }),
    addCompany: async () => companyOf(await send<Account>('POST', '/accounts', {})),
    /** The companies that remain after a reset, each with a new token. */
    companies: async () =>
      Promise.all((await send<{ readonly data: readonly Account[] }>('GET', '/accounts')).data.map(companyOf)),
    fault: (fault: object) => send('POST', '/faults', fault),
    clearFaults: () => send('DELETE', '/faults'),
    limits: (limits: object) => send('POST', '/limits', limits),
    metering: () => send<{ readonly corePlus: number; readonly core: number }>('GET', '/metering'),
    /** Requests for any company, and those without a known one. */
    calls: async () => (await send<{ readonly data: readonly SandboxCall[] }>('GET', '/calls?since=0')).data,
    /** Sets QuickBooks' clock this far ahead of ours. */
    clock: (offsetMs: number) => send('POST', '/clock', { offsetMs }),
    reset: () => send('POST', '/reset'),
  };
}
