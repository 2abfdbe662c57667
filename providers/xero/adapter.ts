import { resourceTable } from '../kit/resource-table.ts';
import type { ResourceEntry } from '../kit/resource-table.ts';
import type { LimitReading } from '../limits/limits.ts';
import type { ProviderAdapterParts, ResourceSession } from '../provider.ts';
import { readOnlyMapping } from '../read-only-mapping.ts';
import { customerMapping } from './customers/customer-mapping.ts';
import { createCustomerSession, customerPullPlan } from './customers/customers.ts';
import { createAsk } from './http/ask.ts';
import type { Ask } from './http/ask.ts';
import { XERO_METADATA } from './http/objects.ts';
import { invoiceMapping } from './invoices/invoice-mapping.ts';
import { createInvoiceSession, invoicePullPlan } from './invoices/invoices.ts';
import { readOrganisation } from './organisation.ts';
import type { XeroConfig } from './organisation.ts';
import { productMapping } from './products/product-mapping.ts';
import { createProductSession, productPullPlan } from './products/products.ts';
import { readReport } from './reports/reports.ts';
import { createTransactionSession, transactionPullPlan } from './transactions/transaction-session.ts';

/** `onBehalfOf` is the organisation: a token opens all that its user has connected. */
export function createXeroAdapter(config: XeroConfig): ProviderAdapterParts {
  return {
    open: (options) => ({
      account: () => readOrganisation(config, options),
      // No call tells it for every collection; the overlap of the change feeds covers differing clocks.
      newestChangeEpochS: () => Promise.resolve(null),
      resource: (resource) => RESOURCES.entry(resource).session(createAsk(config.apiUrl, options)),
      report: (request) => readReport(createAsk(config.apiUrl, options), request),
    }),
    mapping: RESOURCES.mapping,
    pullPlan: RESOURCES.pullPlan,
    limitsIn,
  };
}

interface XeroResource extends ResourceEntry {
  readonly session: (ask: Ask) => ResourceSession;
}

const OWN_FACTS = { holdings: { metadata: XERO_METADATA } } as const;

const RESOURCES = resourceTable<XeroResource>('xero', {
  products: { session: createProductSession, mapping: productMapping, pullPlan: productPullPlan },
  customers: { session: createCustomerSession, mapping: customerMapping, pullPlan: customerPullPlan },
  transactions: {
    session: createTransactionSession,
    mapping: { ...readOnlyMapping, ...OWN_FACTS },
    pullPlan: transactionPullPlan,
  },
  invoices: { session: createInvoiceSession, mapping: invoiceMapping, pullPlan: invoicePullPlan },
});

const DAY_S = 86_400;

/**
 * What is left of the organisation’s day, which is 1,000 or 5,000 calls by the app’s tier
 * (https://developer.xero.com/faq/limits, read 2026-11-29). A refusal says when the day ends.
 */
function limitsIn(headers: Headers): readonly LimitReading[] {
  const remaining = headers.get('x-daylimit-remaining') ?? '';
  if (!/^\d{1,7}$/.test(remaining)) return [];
  return [{ perSeconds: DAY_S, scope: 'account', remaining: Number(remaining) }];
}
