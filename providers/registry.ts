import type { Budget } from './budget.ts';
import type { Circuits } from './circuits.ts';
import { createMailchimpAdapter } from './mailchimp/adapter.ts';
import type { MailchimpConfig } from './mailchimp/adapter.ts';
import { mailchimpOAuth } from './mailchimp/oauth.ts';
import { createPipeline } from './pipeline.ts';
import type { Providers } from './providers.ts';
import { createQuickBooksAdapter } from './quickbooks/adapter.ts';
import type { QuickBooksConfig } from './quickbooks/adapter.ts';
import { quickbooksOAuth } from './quickbooks/oauth.ts';
import { createSquareAdapter } from './square/adapter.ts';
import type { SquareConfig } from './square/adapter.ts';
import { squareOAuth } from './square/oauth.ts';
import { squareWebhooks } from './square/webhooks.ts';
import type { Secret } from '../vault/secret.ts';
import { createStripeAdapter } from './stripe/adapter.ts';
import { stripeOAuth } from './stripe/oauth.ts';
import type { StripeOAuthConfig } from './stripe/oauth.ts';
import { stripeWebhooks } from './stripe/webhooks.ts';
import type { WebhookSetup } from './webhooks.ts';

export interface ProvidersConfig {
  readonly stripe: {
    readonly apiUrl: string;
    /** An operator's own budget instead of the declared one, requests per second and account. */
    readonly requestsPerSecond: number | null;
    readonly oauth?: StripeOAuthConfig | null;
    readonly webhookSecret?: Secret;
  };
  readonly square?: SquareConfig;
  readonly quickbooks?: QuickBooksConfig;
  readonly mailchimp?: MailchimpConfig;
}

/** Every provider that this service speaks; one that is left out is not spoken. */
export function createProviders(
  { stripe, square, quickbooks, mailchimp }: ProvidersConfig,
  budget: Budget,
  circuits?: Circuits,
): Providers {
  const stripeAdapter = createStripeAdapter(stripe);
  return createPipeline({
    adapters: [
      stripeAdapter,
      ...(square ? [createSquareAdapter(square)] : []),
      ...(quickbooks ? [createQuickBooksAdapter(quickbooks)] : []),
      ...(mailchimp ? [createMailchimpAdapter(mailchimp)] : []),
    ],
    oauth: [
      stripeOAuth(stripe.apiUrl, stripe.oauth ?? null, (options) => stripeAdapter.open(options)),
      ...(square ? [squareOAuth(square)] : []),
      ...(quickbooks ? [quickbooksOAuth(quickbooks)] : []),
      ...(mailchimp ? [mailchimpOAuth(mailchimp)] : []),
    ],
    budget,
    ...(circuits && { circuits }),
    requestsPerSecond: { stripe: stripe.requestsPerSecond },
  });
}

/** The providers that send webhooks, set up here or not. QuickBooks and Mailchimp send none when an access is taken back. */
export function createWebhooks({
  stripe,
  square,
}: Pick<ProvidersConfig, 'stripe' | 'square'>): readonly WebhookSetup[] {
  return [
    stripeWebhooks(stripe.webhookSecret ?? null),
    ...(square ? [squareWebhooks(square.webhookSignatureKey ?? null, square.environment)] : []),
  ];
}
