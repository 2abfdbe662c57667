import { Stripe } from 'stripe';
import type { Resource } from '../../contracts/providers.ts';
import type { ProviderAdapter, SessionOptions } from '../provider.ts';
import { STRIPE_CAPABILITIES } from './capabilities.ts';
import { ask, createCustomerSession, customerMapping } from './customers.ts';
import { createStripeFetch } from './http-client.ts';
import { accountSchema } from './responses.ts';

/** Longer than any answer that is still coming; a lost one must not hold a lane for minutes. */
const CALL_TIMEOUT_MS = 30_000;

export interface StripeConfig {
  /** Origin of the API, such as `https://api.stripe.com`. */
  readonly apiUrl: string;
}

export function createStripeAdapter(config: StripeConfig): ProviderAdapter {
  return {
    id: 'stripe',
    capabilities: STRIPE_CAPABILITIES,

    open(options) {
      const stripe = createClient(config, options);
      return {
        async account() {
          const account = await ask(accountSchema, () => stripe.accounts.retrieveCurrent());
          return {
            externalAccountId: account.id,
            name: account.settings?.dashboard?.display_name ?? account.business_profile?.name ?? null,
            // `sk_live_…`, `rk_live_…`: the key itself says which mode it belongs to (https://docs.stripe.com/keys, read 2026-11-21).
            environment: /^[a-z]+_live_/.test(options.secretKey.expose()) ? 'production' : 'sandbox',
            scopes: [],
          };
        },
        resource: (resource) => supported(resource, createCustomerSession(stripe)),
      };
    },

    mapping: (resource) => supported(resource, customerMapping),
  };
}

function supported<T>(resource: Resource, value: T): T {
  if (resource !== 'customers') throw new Error(`stripe does not sync ${resource}`);
  return value;
}

function createClient({ apiUrl }: StripeConfig, { secretKey, signal }: SessionOptions): Stripe {
  const { protocol, hostname, port } = new URL(apiUrl);
  return new Stripe(secretKey.expose(), {
    apiVersion: '2026-10-28.endive',
    protocol: protocol === 'http:' ? 'http' : 'https',
    host: hostname,
    ...(port !== '' && { port: Number(port) }),
    // Temporal retries; a second retry policy inside the first would multiply attempts and step around the budget.
    maxNetworkRetries: 0,
    timeout: CALL_TIMEOUT_MS,
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(createStripeFetch(signal)),
  });
}
