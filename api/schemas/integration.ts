import { z } from 'zod';
import { DIRECTIONS, ENVIRONMENTS, PROVIDERS, RESOURCES } from '../../contracts/providers.ts';
import type { Environment, ProviderCapabilities, ProviderId } from '../../contracts/providers.ts';
import type { BudgetStatus } from '../../db/budget-status-store.ts';

const rate = z.number().min(0);
const slots = z.int().min(0);
const limit = z.object({ requestsPerSecond: rate, concurrency: slots });

export const integrationAnswer = z
  .object({
    provider: z.enum(PROVIDERS),
    displayName: z.string(),
    configured: z.boolean().meta({ description: 'Whether it can be connected here and now.' }),
    supported: z.boolean().meta({ description: 'Whether this version speaks to the provider; the settings in `toSet` alone do not change that.' }),
    toSet: z.array(z.string()).meta({ description: 'Environment variables that connecting it needs and that are not set.' }),
    resources: z.array(z.object({ resource: z.enum(RESOURCES), directions: z.array(z.enum(DIRECTIONS)) })),
    connect: z.array(z.enum(['api-key', 'oauth'])),
    limits: z.object({ sandbox: limit, production: limit }).nullable().meta({ description: 'Of one provider account: what this service allows itself.' }),
  })
  .meta({ id: 'Integration' });

export const integrationsAnswer = z.object({ data: z.array(integrationAnswer) });

export const integrationStatusAnswer = z
  .object({
    provider: z.enum(PROVIDERS),
    budgets: z
      .array(
        z.object({
          environment: z.enum(ENVIRONMENTS),
          accountId: z.string(),
          requestsPerSecond: rate.meta({ description: 'The full budget.' }),
          allowedPerSecond: rate.meta({ description: 'What is let through now: less while the account recovers from being slowed down.' }),
          waitMs: z.int().min(0).meta({ description: 'How long a call that came now would wait.' }),
          concurrency: slots.meta({ description: 'Requests at once.' }),
          concurrencyInUse: slots,
        }),
      )
      .meta({ description: 'Of the accounts that were called before and that the caller’s venues have connected: at most 200 an environment, latest first.' }),
  })
  .meta({ id: 'IntegrationStatus' });

/** What connecting a provider needs of the environment, for those that this version does not speak to yet. */
const TO_COME: Readonly<Partial<Record<ProviderId, { readonly displayName: string; readonly toSet: readonly string[] }>>> = {
  square: { displayName: 'Square', toSet: ['SQUARE_APP_ID', 'SQUARE_APP_SECRET', 'SQUARE_WEBHOOK_SIGNATURE_KEY'] },
  quickbooks: { displayName: 'QuickBooks Online', toSet: ['QUICKBOOKS_CLIENT_ID', 'QUICKBOOKS_CLIENT_SECRET', 'QUICKBOOKS_WEBHOOK_TOKEN'] },
  mailchimp: { displayName: 'Mailchimp', toSet: ['MAILCHIMP_CLIENT_ID', 'MAILCHIMP_CLIENT_SECRET'] },
};

export type FullRates = Readonly<Record<Environment, number>>;

/** `capabilities` is null for a provider that has no adapter. */
export function presentIntegration(provider: ProviderId, capabilities: ProviderCapabilities | null, rates: FullRates | null): z.input<typeof integrationAnswer> {
  if (!capabilities || !rates) {
    const { displayName, toSet } = TO_COME[provider] ?? { displayName: provider, toSet: [] };
    return { provider, displayName, configured: false, supported: false, toSet: [...toSet], resources: [], connect: [], limits: null };
  }
  const { displayName, resources, connect, limits } = capabilities;
  const limitOf = (environment: Environment) => ({ requestsPerSecond: rates[environment], concurrency: limits[environment].concurrency });
  return {
    provider,
    displayName,
    configured: true,
    supported: true,
    toSet: [],
    resources: resources.map(({ resource, directions }) => ({ resource, directions: [...directions] })),
    connect: [...connect],
    limits: { sandbox: limitOf('sandbox'), production: limitOf('production') },
  };
}

export function presentBudget(budget: BudgetStatus, { limits }: ProviderCapabilities, rates: FullRates): z.input<typeof integrationStatusAnswer>['budgets'][number] {
  const { environment, externalAccountId, ratePerSecond, waitMs, leasedSlots } = budget;
  return {
    environment,
    accountId: externalAccountId,
    requestsPerSecond: rates[environment],
    allowedPerSecond: ratePerSecond,
    waitMs,
    concurrency: limits[environment].concurrency,
    concurrencyInUse: leasedSlots,
  };
}
