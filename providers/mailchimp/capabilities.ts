import type { ProviderCapabilities } from '../../contracts/providers.ts';
import { concurrent, perSecond } from '../limits/limits.ts';
import { MAILCHIMP_REPORTS } from './reports/reports.ts';

const LIMITS = [perSecond(10), concurrent(8)];

/**
 * Ten concurrent connections per user, shared with the user's other apps
 * (https://mailchimp.com/developer/marketing/docs/fundamentals/#throttling, read 2026-11-21). There is no test mode:
 * every account is a production account.
 */
export const MAILCHIMP_CAPABILITIES: Pick<ProviderCapabilities, 'resources' | 'limits' | 'reports'> = {
  resources: [{ resource: 'customers', directions: ['push', 'pull', 'both'] }],
  reports: MAILCHIMP_REPORTS,
  limits: { production: LIMITS, sandbox: LIMITS },
};
