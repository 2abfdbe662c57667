import { Stripe } from 'stripe';
import { z } from 'zod';
import type { ProviderAdapterParts, ResourceSession, SessionOptions } from '../provider.ts';
import { resourceTable } from '../kit/resource-table.ts';
import type { ResourceEntry } from '../kit/resource-table.ts';
import { readOnlyMapping } from '../read-only-mapping.ts';
import { createCustomerSession, customerMapping, customerPullPlan } from './customers/customers.ts';
import { createEventFeed } from './event-feed.ts';
import { createStripeHttpClient } from './http/http-client.ts';
import { API_VERSION } from './customers/names.ts';
import { createInvoiceSession, invoiceMapping, invoicePullPlan } from './invoices/invoice-session.ts';
import { createProductSession } from './products/product-session.ts';
import { productMapping, productPullPlan } from './products/products.ts';
import { createAsk } from './http/requests.ts';
import type { Ask } from './http/requests.ts';
import { accountSchema, eventSchema, listSchema } from './http/responses.ts';
import { createTransactionSession } from './transactions/transaction-session.ts';
import { transactionPullPlan } from './transactions/transactions.ts';

const newestEvent = listSchema(eventSchema(z.object({})));

/** Longer than any answer that still arrives, because a lost one must not block a lane for minutes. */
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
          const newest = await ask(newestEvent, () => stripe.events.list({ limit: 1 }));
          return newest.positions[0]?.atEpochS ?? null;
        },
        eventFeed: createEventFeed(stripe, ask),
        resource: (resource) => RESOURCES.entry(resource).session(stripe, ask),
      };
    },

    mapping: RESOURCES.mapping,
    pullPlan: RESOURCES.pullPlan,
  };
}

interface StripeResource extends ResourceEntry {
  readonly session: (stripe: Stripe, ask: Ask) => ResourceSession;
}

const RESOURCES = resourceTable<StripeResource>('stripe', {
  products: { session: createProductSession, mapping: productMapping, pullPlan: productPullPlan },
  customers: { session: createCustomerSession, mapping: customerMapping, pullPlan: customerPullPlan },
  transactions: { session: createTransactionSession, mapping: readOnlyMapping, pullPlan: transactionPullPlan },
  invoices: { session: createInvoiceSession, mapping: invoiceMapping, pullPlan: invoicePullPlan },
});

function createClient({ apiUrl }: StripeConfig, { secretKey, onBehalfOf, signal }: SessionOptions): Stripe {
  const { protocol, hostname, port } = new URL(apiUrl);
  return new Stripe(secretKey.expose(), {
    apiVersion: API_VERSION,
    protocol: protocol === 'http:' ? 'http' : 'https',
    host: hostname,
    ...(port !== '' && { port: Number(port) }),
    ...(onBehalfOf !== undefined && { stripeAccount: onBehalfOf }),
    // Temporal retries. A second retry policy in the SDK would multiply attempts and bypass the budget.
    maxNetworkRetries: 0,
    timeout: CALL_TIMEOUT_MS,
    telemetry: false,
    httpClient: createStripeHttpClient(signal),
  });
}
