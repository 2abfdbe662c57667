import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ResourceSession } from '../../providers/provider.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import { createStripeAdapter } from '../../providers/stripe/adapter.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { Secret } from '../../vault/secret.ts';
import { sandboxControl } from '../support/sandbox-control.ts';

export interface SandboxAccount {
  readonly id: string;
  readonly secretKey: string;
  readonly restrictedKey: string;
  readonly expiredKey: string;
}

/** The adapter against a sandbox without limits. */
export async function createStripeWorld() {
  const sandbox = await startStripeSandbox({ limits: { requestsPerSecond: 0, searchDelayMs: 0 } });
  const stripe = sandboxControl(sandbox.controlUrl);
  const adapter = createStripeAdapter({ apiUrl: sandbox.apiUrl });
  const open = (secretKey = sandbox.secretKey, signal?: AbortSignal) => adapter.open({ secretKey: new Secret(secretKey), signal });
  return {
    sandbox,
    stripe,
    adapter,
    open,
    customers: (signal?: AbortSignal): ResourceSession => open(sandbox.secretKey, signal).resource('customers'),
    mapping: adapter.mapping('customers'),
    async accounts(): Promise<readonly SandboxAccount[]> {
      const response = await fetch(`${sandbox.controlUrl}/accounts`);
      return ((await response.json()) as { readonly data: readonly SandboxAccount[] }).data;
    },
    /** A reset brings the usual limits back. */
    async reset() {
      await stripe.reset();
      await stripe.limits({ requestsPerSecond: 0, searchDelayMs: 0 });
    },
    close: () => sandbox.close(),
  };
}

export type StripeWorld = Awaited<ReturnType<typeof createStripeWorld>>;

/** A server that answers what no well-behaved provider would. */
export async function aStrangeServer(answer: (req: IncomingMessage, res: ServerResponse) => void) {
  let requests = 0;
  const server = createServer((req, res) => {
    requests += 1;
    answer(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    apiUrl,
    requests: () => requests,
    open: (secretKey = 'sk_test_strange', signal?: AbortSignal) => createStripeAdapter({ apiUrl }).open({ secretKey: new Secret(secretKey), signal }),
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

/** The ProviderError that the work ends with; anything else fails the test. */
export async function refusalOf(work: Promise<unknown>): Promise<ProviderError> {
  const outcome: unknown = await work.then(
    (value) => ({ value }),
    (error: unknown) => error,
  );
  if (outcome instanceof ProviderError) return outcome;
  throw new Error('no ProviderError but something else', { cause: outcome });
}

export const LISTING = { fromEpochS: null, toEpochS: 4_000_000_000, after: null } as const;
