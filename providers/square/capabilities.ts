import type { ProviderCapabilities } from '../../contracts/providers.ts';
import { concurrent, perSecond } from '../limits/limits.ts';

const LIMITS = [perSecond(10), concurrent(8)];

/**
 * Square publishes no limits
 * (https://developer.squareup.com/docs/build-basics/general-considerations/handling-errors#rate-limit-errors, read
 * 2026-11-21). These are conservative; a 429 lowers them.
 */
export const SQUARE_CAPABILITIES: Pick<ProviderCapabilities, 'resources' | 'limits'> = {
  resources: [
    { resource: 'products', directions: ['push', 'pull', 'both'] },
    { resource: 'customers', directions: ['push', 'pull', 'both'] },
    { resource: 'inventory', directions: ['push', 'pull', 'both'] },
    { resource: 'transactions', directions: ['pull'] },
    { resource: 'invoices', directions: ['pull'] },
  ],
  limits: { production: LIMITS, sandbox: LIMITS },
};
