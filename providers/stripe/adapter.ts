import { Stripe } from 'stripe';
import { z } from 'zod';
import type { Resource } from '../../contracts/providers.ts';
import type { ProviderAdapterParts, PullPlan, ResourceMapping, ResourceSession, SessionOptions } from '../provider.ts';
import { readOnlyMapping } from '../read-only-mapping.ts';
import { createCustomerSession, customerMapping, customerPullPlan } from './customers/customers.ts';
import { createStripeFetch } from './http/http-client.ts';
import { API_VERSION } from './customers/names.ts';
import { createInvoiceSession, invoicePullPlan } from './invoices/invoice-session.ts';
import { createProductSession } from './products/product-session.ts';
import { productMapping, productPullPlan } from './products/products.ts';
import { createAsk } from './http/requests.ts';
import type { Ask } from './http/requests.ts';
import { accountSchema, eventSchema, listSchema } from './http/responses.ts';
import { createTransactionSession } from './transactions/transaction-session.ts';
import { transactionPullPlan } from './transactions/transactions.ts';

/** Longer than any answer that is still coming; a lost one must not hold a lane for minutes. */
const CALL_TIMEOUT_MS = 30_000;

export interface StripeConfig {
  /** Origin of the API, such as `https://api.stripe.com`. */
  readonly apiUrl: string;
}

export function createStripeAdapter(config: StripeConfig): ProviderAdapterParts {
  return {
    open(options) {
      const stripe = createClient(config, options);
      const ask = createAsk(options.call, { platformKey: options.onBehalfOf !== undefined });
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
        async newestChangeEpochS() {
          const newest = await ask(listSchema(eventSchema(z.object({}))), () => stripe.events.list({ limit: 1 }));
          return newest.positions[0]?.atEpochS ?? null;
        },
        resource: (resource) => resourceOf(resource).session(stripe, ask),
      };
    },

    mapping: (resource) => resourceOf(resource).mapping,
    pullPlan: (resource) => resourceOf(resource).pullPlan,
  };
}

interface StripeResource {
  readonly session: (stripe: Stripe, ask: Ask) => ResourceSession;
  readonly mapping: ResourceMapping;
  readonly pullPlan: PullPlan;
}

const STRIPE_RESOURCES: Readonly<Partial<Record<Resource, StripeResource>>> = {
  products: { session: createProductSession, mapping: productMapping, pullPlan: productPullPlan },
  customers: { session: createCustomerSession, mapping: customerMapping, pullPlan: customerPullPlan },
  transactions: { session: createTransactionSession, mapping: readOnlyMapping, pullPlan: transactionPullPlan },
  invoices: { session: createInvoiceSession, mapping: readOnlyMapping, pullPlan: invoicePullPlan },
};

function resourceOf(resource: Resource): StripeResource {
  const found = STRIPE_RESOURCES[resource];
  if (!found) throw new Error(`stripe does not sync ${resource}`);
  return found;
}

function createClient({ apiUrl }: StripeConfig, { secretKey, onBehalfOf, signal }: SessionOptions): Stripe {
  const { protocol, hostname, port } = new URL(apiUrl);
  return new Stripe(secretKey.expose(), {
    apiVersion: API_VERSION,
    protocol: protocol === 'http:' ? 'http' : 'https',
    host: hostname,
    ...(port !== '' && { port: Number(port) }),
    ...(onBehalfOf !== undefined && { stripeAccount: onBehalfOf }),
    // Temporal retries; a second retry policy inside the first would multiply attempts and step around the budget.
    maxNetworkRetries: 0,
    timeout: CALL_TIMEOUT_MS,
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(createStripeFetch(signal)),
  });
}
