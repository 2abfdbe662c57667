import { z } from 'zod';
import type { Environment } from '../../contracts/providers.ts';
import type { Secret } from '../../vault/secret.ts';
import { parseAnswer } from '../grants.ts';
import type { OAuthCalls } from '../oauth.ts';
import { ProviderError } from '../provider-error.ts';
import type { ProviderAccount, ProviderAdapterParts, ResourceSession } from '../provider.ts';
import { resourceTable } from '../kit/resource-table.ts';
import type { ResourceEntry } from '../kit/resource-table.ts';
import { askSquare, createSquareClient } from './client.ts';
import { customerMapping } from './customers/customer-mapping.ts';
import { createCustomerSession, customerPullPlan } from './customers/customers.ts';
import { SQUARE_ERRORS } from './errors.ts';
import { createAsk } from './http/ask.ts';
import type { Ask } from './http/ask.ts';
import type { ChosenLocations } from './http/locations.ts';
import { inventoryMapping } from './inventory/inventory-mapping.ts';
import { createInventorySession, inventoryPullPlan } from './inventory/inventory.ts';
import { createInvoiceSession, invoiceMapping, invoicePullPlan } from './invoices/invoices.ts';
import { productMapping } from './products/product-mapping.ts';
import { createProductSession, productPullPlan } from './products/product-session.ts';
import {
  createTransactionSession,
  transactionMapping,
  transactionPullPlan,
} from './transactions/transaction-session.ts';

export interface SquareConfig {
  readonly apiUrl: string;
  readonly environment: Environment;
  /** `secret` is null when only PKCE is configured. */
  readonly app: { readonly id: string; readonly secret: Secret | null } | null;
}

export function createSquareAdapter(config: SquareConfig): ProviderAdapterParts {
  return {
    open(options) {
      const { secretKey, call, signal = new AbortController().signal } = options;
      return {
        account: () => readSquareAccount(config, secretKey, { call, signal }),
        // No Square call tells it for every resource; the overlap of the change feeds covers differing clocks.
        newestChangeEpochS: () => Promise.resolve(null),
        resource: (resource) =>
          RESOURCES.entry(resource).session(createAsk(config.apiUrl, options), options.accounts ?? null),
      };
    },

    mapping: RESOURCES.mapping,
    pullPlan: RESOURCES.pullPlan,
  };
}

interface SquareResource extends ResourceEntry {
  readonly session: (ask: Ask, locations: ChosenLocations) => ResourceSession;
}

const RESOURCES = resourceTable<SquareResource>('square', {
  products: { session: createProductSession, mapping: productMapping, pullPlan: productPullPlan },
  inventory: { session: createInventorySession, mapping: inventoryMapping, pullPlan: inventoryPullPlan },
  transactions: { session: createTransactionSession, mapping: transactionMapping, pullPlan: transactionPullPlan },
  invoices: { session: createInvoiceSession, mapping: invoiceMapping, pullPlan: invoicePullPlan },
  customers: { session: createCustomerSession, mapping: customerMapping, pullPlan: customerPullPlan },
});

const statusSchema = z.object({ scopes: z.array(z.string()).default([]), merchantId: z.string().min(1) });
const merchantSchema = z.object({ merchant: z.object({ id: z.string().min(1), businessName: z.string().nullish() }) });

/**
 * The token's merchant and permissions
 * (https://developer.squareup.com/reference/square/oauth-api/retrieve-token-status, read 2026-11-21), then the
 * merchant's name, which needs the scope MERCHANT_PROFILE_READ and is omitted without it. Two HTTP calls.
 */
export async function readSquareAccount(
  { apiUrl, environment }: Pick<SquareConfig, 'apiUrl' | 'environment'>,
  token: Secret,
  calls: OAuthCalls,
): Promise<ProviderAccount> {
  const client = await createSquareClient(apiUrl, token, { ...calls, errors: SQUARE_ERRORS });
  const status = parseAnswer('square', statusSchema, await askSquare(calls, () => client.oAuth.retrieveTokenStatus()));
  const account = { externalAccountId: status.merchantId, name: null, environment, scopes: status.scopes };
  // A personal access token may do everything and lists no scopes.
  if (status.scopes.length > 0 && !status.scopes.includes('MERCHANT_PROFILE_READ')) return account;
  const { merchant } = parseAnswer(
    'square',
    merchantSchema,
    await askSquare(calls, () => client.merchants.get({ merchantId: 'me' })),
  );
  if (merchant.id !== account.externalAccountId)
    throw new ProviderError({
      provider: 'square',
      kind: 'unexpected-response',
      httpStatus: 200,
      code: 'another-account',
    });
  return { ...account, name: merchant.businessName ?? null };
}
