import type { ProvidersConfig } from '../../config/provider-settings.ts';
import type { Budget } from '../../providers/limits/budget.ts';
import type { Circuits } from '../../providers/limits/circuits.ts';
import type { MailchimpSettings } from '../../providers/mailchimp/settings.ts';
import type { Providers } from '../../providers/providers.ts';
import type { QuickBooksSettings } from '../../providers/quickbooks/settings.ts';
import { createProviders, PROVIDERS } from '../../providers/registry.ts';
import type { SquareSettings } from '../../providers/square/settings.ts';
import type { StripeSettings } from '../../providers/stripe/settings.ts';
import type { XeroSettings } from '../../providers/xero/settings.ts';

/** Settings of the registry's providers; omitted ones have their defaults. */
export interface TestSettings {
  readonly stripe?: Partial<StripeSettings>;
  readonly square?: Partial<SquareSettings>;
  readonly quickbooks?: Partial<QuickBooksSettings>;
  readonly mailchimp?: Partial<MailchimpSettings>;
  readonly xero?: Partial<XeroSettings>;
}

export const createTestProviders = (settings: TestSettings, budget: Budget, circuits?: Circuits): Providers =>
  createProviders(PROVIDERS, settings as ProvidersConfig, { budget, circuits });

/**
 * Providers called as fast as they answer: the pace that a provider declares makes a test wait for a clock. For tests
 * that are not about pace; concurrency and counted windows stay.
 */
export const createUnpacedProviders = (settings: TestSettings, budget: Budget): Providers =>
  createProviders(
    PROVIDERS.map((definition) => ({ ...definition, requestsPerSecond: () => 2_000 })),
    settings as ProvidersConfig,
    { budget },
  );

/** Providers with a stand-in whose owners approve. */
export const APP_PROVIDERS = ['stripe', 'square', 'quickbooks', 'mailchimp', 'xero'] as const;
export type AppProvider = (typeof APP_PROVIDERS)[number];
