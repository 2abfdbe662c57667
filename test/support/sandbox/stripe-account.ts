import type { SandboxCall } from './sandbox-control.ts';

export interface StripeCustomerState {
  readonly id: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * One account of the stand-in Stripe. Tests with their own accounts do not see each other's customers, budgets and
 * faults.
 */
export interface StripeAccount {
  readonly id: string;
  readonly secretKey: string;
  seed(count: number): Promise<void>;
  /** Creates objects that exist before any reading. */
  put(resource: string, records: readonly object[]): Promise<void>;
  customers(): Promise<readonly StripeCustomerState[]>;
  /** Stripe's own objects. */
  state<T>(resource: string): Promise<readonly T[]>;
  calls(): Promise<readonly SandboxCall[]>;
  /** The calls that changed something. */
  writes(): Promise<readonly SandboxCall[]>;
  fault(fault: { readonly match?: object; readonly kind: string; readonly [setting: string]: unknown }): Promise<void>;
  /** Its faults in the order of installation, with how often each has applied. */
  faults(): Promise<readonly { readonly kind: string; readonly struck: number }[]>;
  /** Clears this account's faults, including a revoked key. */
  clearFaults(): Promise<void>;
  /** Calls Stripe's API with the account's key, as the venue's own staff would. */
  call<T = { readonly id: string }>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    form?: Readonly<Record<string, string>>,
  ): Promise<T>;
}

/**
 * Answers the first three lists of customers at once and lets later ones wait. So a pull has begun and is far from its
 * end when a test intervenes, however slow the machine is.
 */
export const LATER_PAGES_WAIT = {
  ...{ kind: 'slow', delayMs: 2_000, times: 1_000 },
  match: { method: 'GET', path: '/v1/customers', nth: 4 },
} as const;

export interface StripeSandboxControl {
  addAccount(): Promise<StripeAccount>;
  /** Clears the faults of every account, including revoked keys. */
  clearFaults(): Promise<void>;
  /** The calls of every account. */
  limits(limits: { readonly requestsPerSecond?: number; readonly latencyMs?: number }): Promise<void>;
  /** Sets Stripe's clock this far ahead of ours, or behind it. */
  clock(offsetMs: number): Promise<void>;
}

/** A client of a sandbox's control API. Any failure fails the test. */
export function stripeSandboxOf({
  controlUrl,
  apiUrl,
}: {
  readonly controlUrl: string;
  readonly apiUrl: string;
}): StripeSandboxControl {
  async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const init =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${controlUrl}${path}`, { method, ...init });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
  async function call<T>(
    secretKey: string,
    [method, path, form]: readonly [string, string, Readonly<Record<string, string>>],
  ): Promise<T> {
    const body = method === 'POST' ? { body: new URLSearchParams(form) } : {};
    const response = await fetch(`${apiUrl}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${secretKey}` },
      ...body,
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
  const list = async <T>(path: string): Promise<readonly T[]> =>
    (await send<{ readonly data: readonly T[] }>('GET', path)).data;

  return {
    async addAccount() {
      const { id, secretKey } = await send<{ readonly id: string; readonly secretKey: string }>(
        'POST',
        '/accounts',
        {},
      );
      const calls = () => list<SandboxCall>(`/calls?account=${id}`);
      return {
        id,
        secretKey,
        seed: (count) => send('POST', '/seed', { resource: 'customers', account: id, count }),
        put: (resource, records) => send('POST', '/seed', { resource, account: id, records }),
        state: (resource) => list(`/state/${resource}?account=${id}`),
        customers: () => list<StripeCustomerState>(`/state/customers?account=${id}`),
        calls,
        writes: async () => (await calls()).filter(({ written }) => written),
        fault: (fault) => send('POST', '/faults', { ...fault, match: { ...fault.match, account: id } }),
        faults: async () =>
          (
            await list<{
              readonly kind: string;
              readonly struck: number;
              readonly match: { readonly account?: string };
            }>('/faults')
          ).filter(({ match }) => match.account === id),
        clearFaults: () => send('DELETE', `/faults?account=${id}`),
        call: (method, path, form = {}) => call(secretKey, [method, path, form]),
      };
    },
    clearFaults: () => send('DELETE', '/faults'),
    limits: (limits) => send('POST', '/limits', limits),
    clock: (offsetMs) => send('POST', '/clock', { offsetMs }),
  };
}
