import { resourceTable } from '../kit/resource-table.ts';
import type { ResourceEntry } from '../kit/resource-table.ts';
import type { ProviderAdapterParts, ResourceSession, SessionOptions, WebhookRegistrar } from '../provider.ts';
import { readMailchimpAccount } from './account.ts';
import type { MailchimpConfig } from './account.ts';
import { customerMapping } from './customers/customer-mapping.ts';
import { createCustomerSession, customerPullPlan } from './customers/customers.ts';
import { createAsk } from './http/ask.ts';
import type { Ask } from './http/ask.ts';
import { Audience } from './http/audience.ts';
import { readReport } from './reports/reports.ts';
import { createWebhookRegistrar } from './webhook-registration.ts';

/** `onBehalfOf` is the data centre of an OAuth token. */
export function createMailchimpAdapter(config: MailchimpConfig): ProviderAdapterParts {
  return {
    open: (options) => ({
      webhooks: registrarOf(config, options),
      account: () => readMailchimpAccount(config, options),
      // No call tells it; the overlap of the change feed covers differing clocks.
      newestChangeEpochS: () => Promise.resolve(null),
      report: (request) =>
        readReport(
          {
            ask: createAsk(config, options, { numbersAsText: true, limits: REPORT_LIMITS }),
            audiences: options.accounts ?? null,
          },
          request,
        ),
      resource(resource) {
        const ask = createAsk(config, options);
        return RESOURCES.entry(resource).session(ask, new Audience(ask, options.accounts ?? null));
      },
    }),
    mapping: RESOURCES.mapping,
    pullPlan: RESOURCES.pullPlan,
  };
}

function registrarOf(config: MailchimpConfig, options: SessionOptions): WebhookRegistrar {
  const ask = createAsk(config, options);
  return createWebhookRegistrar(ask, new Audience(ask, options.accounts ?? null));
}

/** Somebody waits for a report: less than Mailchimp's own two minutes. */
const REPORT_LIMITS = { timeoutMs: 40_000, maxBodyBytes: 12 * 1_024 * 1_024 };

interface MailchimpResource extends ResourceEntry {
  readonly session: (ask: Ask, audience: Audience) => ResourceSession;
}

const RESOURCES = resourceTable<MailchimpResource>('mailchimp', {
  customers: { session: createCustomerSession, mapping: customerMapping, pullPlan: customerPullPlan },
});
