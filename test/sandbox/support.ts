import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Stripe from 'stripe';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import type { StripeSandbox, StripeSandboxOptions } from '../../sandbox/stripe/stripe-sandbox.ts';
import { later } from '../support/later.ts';

/** A folder for this test only. Deleted when the test ends. */
export function aHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'sandbox-'));
  later(() => {
    rmSync(home, { recursive: true, force: true });
  });
  return home;
}

export interface Call {
  readonly at: number;
  readonly answeredAt: number;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly idempotencyKey: string | null;
  readonly written: boolean;
  readonly requestId: string;
  readonly account: string | null;
  readonly fault: string | null;
}

/** A sandbox for this test only, without limits by default. Closes when the test ends. */
export async function aSandbox(options: StripeSandboxOptions = {}) {
  const sandbox = await startStripeSandbox({ limits: { requestsPerSecond: 0, searchDelayMs: 0 }, ...options });
  later(() => sandbox.close());
  return { ...sandbox, stripe: clientOf(sandbox), control: controlOf(sandbox.controlUrl), raw: rawOf(sandbox) };
}

/** The Stripe SDK, pointed at the sandbox and with retries off. */
export function clientOf({ apiUrl, secretKey }: Pick<StripeSandbox, 'apiUrl' | 'secretKey'>): Stripe {
  const { hostname, port } = new URL(apiUrl);
  return new Stripe(secretKey, {
    host: hostname,
    port: Number(port),
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
  });
}

export function controlOf(controlUrl: string) {
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(controlUrl + path, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const json = (await response.json()) as T;
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${JSON.stringify(json)}`);
    return json;
  }
  return {
    call,
    seed: (body: object) =>
      call<{ created: number; total: number; ids: string[] }>('POST', '/seed', { resource: 'customers', ...body }),
    fault: (body: object) => call('POST', '/faults', body),
    clearFaults: () => call('DELETE', '/faults'),
    calls: async (since = 0) => (await call<{ data: Call[] }>('GET', `/calls?since=${since}`)).data,
    state: async <T = Record<string, unknown>>(resource: string, query = '') =>
      (await call<{ data: T[] }>('GET', `/state/${resource}${query}`)).data,
    customers: async (query = '') => (await call<{ data: Stripe.Customer[] }>('GET', `/state/customers${query}`)).data,
    accounts: async () => (await call<{ data: SandboxAccount[] }>('GET', '/accounts')).data,
    clock: (body: object) => call('POST', '/clock', body),
    limits: (body: object) => call('POST', '/limits', body),
    emit: (body: object) =>
      call<{ event: Stripe.Event; deliveries: { status: number | null }[] }>('POST', '/emit', body),
  };
}

export interface SandboxAccount {
  readonly id: string;
  readonly name: string;
  readonly secretKey: string;
  readonly restrictedKey: string;
  readonly expiredKey: string;
  readonly webhookSecret: string;
}

/** Plain HTTP, for requests that the SDK never sends and answers that it hides. */
function rawOf({ apiUrl, secretKey }: Pick<StripeSandbox, 'apiUrl' | 'secretKey'>) {
  return async (method: string, path: string, options: { body?: string; headers?: Record<string, string> } = {}) => {
    const response = await fetch(apiUrl + path, {
      method,
      headers: {
        authorization: `Bearer ${secretKey}`,
        ...(options.body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...options.headers,
      },
      ...(options.body !== undefined && { body: options.body }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: () => JSON.parse(text) as Record<string, unknown> & { error: Record<string, unknown> },
    };
  };
}

/**
 * The error that a promise rejects with, as the SDK built it. Fails when the promise resolves, because the SDK resolves
 * some failures.
 */
export async function stripeError(promise: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  const outcome = await promise.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('value' in outcome) throw new Error(`expected a Stripe error, got ${JSON.stringify(outcome.value)}`);
  return outcome.error as Stripe.errors.StripeError;
}
