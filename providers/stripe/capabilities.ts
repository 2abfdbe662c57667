import type { ProviderCapabilities } from '../../contracts/providers.ts';
import { concurrent, perSecond } from '../limits/limits.ts';

/**
 * Limits: 100 operations/s live and 25/s in a sandbox, per account (https://docs.stripe.com/rate-limits, read
 * 2026-11-21). We stay a tenth below, so that the venue's own software keeps a share.
 */
export const STRIPE_CAPABILITIES: Pick<ProviderCapabilities, 'resources' | 'limits'> = {
  resources: [
    { resource: 'products', directions: ['push', 'pull', 'both'] },
    { resource: 'customers', directions: ['push', 'pull', 'both'] },
    { resource: 'transactions', directions: ['pull'] },
    { resource: 'invoices', directions: ['pull'] },
  ],
  limits: {
    production: [perSecond(90), concurrent(48)],
    sandbox: [perSecond(23), concurrent(24)],
  },
};
