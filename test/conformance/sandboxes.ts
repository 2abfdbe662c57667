import type { ProviderId, Resource } from '../../contracts/providers.ts';
import type { ProvidersConfig } from '../../providers/registry.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { Secret } from '../../vault/secret.ts';
import { sandboxControl } from '../support/sandbox-control.ts';

export type Trouble = 'server-error' | 'server-error-once-stored' | 'page-instead-of-json' | 'too-many-requests' | 'reset' | 'reset-after-commit';

/** A stand-in of one provider, in the words of the conformance suite. */
export interface RunningSandbox {
  /** This provider's part of the registry's configuration. */
  readonly config: Partial<ProvidersConfig>;
  readonly secretKey: Secret;
  /** Known to the provider, but allowed to do less than a sync needs. */
  readonly restrictedKey: Secret;
  readonly unknownKey: Secret;
  /** Forgets everything that was created and every trouble. */
  reset(): Promise<void>;
  /** Puts records there as somebody else would; returns the ids of all that are there then. */
  seed(resource: Resource, count: number): Promise<readonly string[]>;
  remove(resource: Resource, externalId: string): Promise<void>;
  /** Strikes the next `times` requests. */
  trouble(kind: Trouble, times: number): Promise<void>;
  /** Ids of all records that are there. */
  ids(resource: Resource): Promise<readonly string[]>;
  /** Requests seen so far. */
  requests(): Promise<number>;
  close(): Promise<void>;
}

const STRIPE_TROUBLE: Readonly<Record<Trouble, object>> = {
  'server-error': { kind: 'status', status: 500 },
  'server-error-once-stored': { kind: 'status', status: 500, stored: true },
  'page-instead-of-json': { kind: 'status', status: 502, body: 'html' },
  'too-many-requests': { kind: 'status', status: 429 },
  reset: { kind: 'reset' },
  'reset-after-commit': { kind: 'commit-then-fail' },
};

async function startStripe(): Promise<RunningSandbox> {
  const sandbox = await startStripeSandbox({ limits: { requestsPerSecond: 0 } });
  const control = sandboxControl(sandbox.controlUrl);
  const accounts = (await (await fetch(`${sandbox.controlUrl}/accounts`)).json()) as { readonly data: readonly { readonly restrictedKey: string }[] };
  return {
    config: { stripe: { apiUrl: sandbox.apiUrl, requestsPerSecond: 1_000 } },
    secretKey: new Secret(sandbox.secretKey),
    restrictedKey: new Secret(accounts.data[0]?.restrictedKey ?? ''),
    unknownKey: new Secret('sk_test_nobodyKnowsThisOne'),
    async reset() {
      await control.reset();
      await control.limits({ requestsPerSecond: 0 });
    },
    async seed(resource, count) {
      await control.seed({ resource, count });
      return (await control.customers()).map(({ id }) => id);
    },
    async remove(resource, externalId) {
      await fetch(`${sandbox.apiUrl}/v1/${resource}/${externalId}`, { method: 'DELETE', headers: { authorization: `Bearer ${sandbox.secretKey}` } });
    },
    async trouble(kind, times) {
      await control.fault({ ...STRIPE_TROUBLE[kind], times });
    },
    ids: async () => (await control.customers()).map(({ id }) => id),
    requests: async () => (await control.calls()).length,
    close: () => sandbox.close(),
  };
}

/** One stand-in per provider that the registry knows: a new adapter passes the suite by adding its own here. */
export const SANDBOXES: Readonly<Partial<Record<ProviderId, () => Promise<RunningSandbox>>>> = { stripe: startStripe };
