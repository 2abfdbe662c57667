import type { ProviderAdapterParts, ResourceSession } from '../provider.ts';
import { resourceTable } from '../kit/resource-table.ts';
import type { ResourceEntry } from '../kit/resource-table.ts';
import { readOnlyMapping } from '../read-only-mapping.ts';
import { readCompany } from './company.ts';
import type { QuickBooksConfig } from './company.ts';
import { customerMapping } from './customers/customer-mapping.ts';
import { createCustomerSession, customerPullPlan } from './customers/customers.ts';
import { createAsk } from './http/ask.ts';
import type { Ask } from './http/ask.ts';
import { QUICKBOOKS_METADATA } from './http/objects.ts';
import { createInventorySession, inventoryPullPlan } from './inventory/inventory.ts';
import { invoiceMapping } from './invoices/invoice-mapping.ts';
import { createInvoiceSession, invoicePullPlan } from './invoices/invoices.ts';
import { productMapping } from './products/product-mapping.ts';
import { createProductSession, productPullPlan } from './products/products.ts';
import { readReport } from './reports/reports.ts';
import { createTransactionSession, transactionPullPlan } from './transactions/transaction-session.ts';

/** `onBehalfOf` is the company, which the token alone does not tell. */
export function createQuickBooksAdapter(config: QuickBooksConfig): ProviderAdapterParts {
  return {
    open: (options) => ({
      account: () => readCompany(config, options),
      // No call tells it for every entity; the overlap of the change feeds covers differing clocks.
      newestChangeEpochS: () => Promise.resolve(null),
      resource: (resource) => RESOURCES.entry(resource).session(createAsk(config.apiUrl, options)),
      report: (request) => readReport(createAsk(config.apiUrl, options), request),
    }),
    mapping: RESOURCES.mapping,
    pullPlan: RESOURCES.pullPlan,
  };
}

interface QuickBooksResource extends ResourceEntry {
  readonly session: (ask: Ask) => ResourceSession;
}

const OWN_FACTS = { holdings: { metadata: QUICKBOOKS_METADATA } } as const;

const RESOURCES = resourceTable<QuickBooksResource>('quickbooks', {
  products: { session: createProductSession, mapping: productMapping, pullPlan: productPullPlan },
  inventory: {
    session: createInventorySession,
    mapping: { ...readOnlyMapping, ...OWN_FACTS },
    pullPlan: inventoryPullPlan,
  },
  transactions: {
    session: createTransactionSession,
    mapping: { ...readOnlyMapping, ...OWN_FACTS },
    pullPlan: transactionPullPlan,
  },
  invoices: { session: createInvoiceSession, mapping: invoiceMapping, pullPlan: invoicePullPlan },
  customers: { session: createCustomerSession, mapping: customerMapping, pullPlan: customerPullPlan },
});
