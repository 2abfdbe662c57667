import type { ProviderCapabilities } from '../../contracts/providers.ts';
import { concurrent, perMinute, perSecond } from '../limits.ts';
import { QUICKBOOKS_REPORTS } from './reports/reports.ts';

const LIMITS = [perMinute(450), perSecond(9), concurrent(9)];

/**
 * 500 requests a minute and ten at once per company
 * (https://developer.intuit.com/app/developer/qbo/docs/learn/limits-and-throttles, read 2026-11-21). We stay a tenth
 * below.
 */
export const QUICKBOOKS_CAPABILITIES: Pick<ProviderCapabilities, 'resources' | 'limits' | 'reports'> = {
  resources: [
    { resource: 'products', directions: ['push', 'pull', 'both'] },
    { resource: 'customers', directions: ['push', 'pull', 'both'] },
    { resource: 'inventory', directions: ['pull'] },
    { resource: 'transactions', directions: ['pull'] },
    { resource: 'invoices', directions: ['pull'] },
  ],
  reports: QUICKBOOKS_REPORTS,
  limits: { production: LIMITS, sandbox: LIMITS },
};
