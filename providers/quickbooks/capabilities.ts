import type { ProviderCapabilities } from '../../contracts/providers.ts';
import { BUILDER_READS_PER_MONTH, quickbooksLimits } from './http/limits.ts';
import { QUICKBOOKS_REPORTS } from './reports/reports.ts';

export const QUICKBOOKS_CAPABILITIES: Pick<ProviderCapabilities, 'resources' | 'limits' | 'reports'> = {
  resources: [
    { resource: 'products', directions: ['push', 'pull', 'both'] },
    { resource: 'customers', directions: ['push', 'pull', 'both'] },
    { resource: 'inventory', directions: ['pull'] },
    { resource: 'transactions', directions: ['pull'] },
    { resource: 'invoices', directions: ['push', 'pull', 'both'] },
  ],
  reports: QUICKBOOKS_REPORTS,
  limits: quickbooksLimits(BUILDER_READS_PER_MONTH),
};
