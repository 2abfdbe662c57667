import type { Budget } from './budget.ts';
import { createPipeline } from './pipeline.ts';
import type { Providers } from './providers.ts';
import { createStripeAdapter } from './stripe/adapter.ts';

export interface ProvidersConfig {
  readonly stripe: {
    readonly apiUrl: string;
    /** An operator's own budget instead of the declared one, requests per second and account. */
    readonly requestsPerSecond: number | null;
  };
}

/** Every provider that this service speaks. */
export function createProviders(config: ProvidersConfig, budget: Budget): Providers {
  return createPipeline({
    adapters: [createStripeAdapter(config.stripe)],
    budget,
    requestsPerSecond: { stripe: config.stripe.requestsPerSecond },
  });
}
