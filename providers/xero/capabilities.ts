import type { ProviderCapabilities } from '../../contracts/providers.ts';
import { concurrent, perDay, perMinute } from '../limits/limits.ts';
import { XERO_REPORTS } from './reports/reports.ts';

/**
 * What Xero allows an organisation and an app, and an app over all organisations
 * (https://developer.xero.com/faq/limits, read 2026-11-29). Of an organisation's 60 a minute we make 59: a 61st
 * call, sent a moment after the minute, may arrive within it. An app of the Starter tier has 1,000 calls a day: the
 * headers of the first answer say what is left.
 */
const LIMITS = [perMinute(59), perDay(5_000), concurrent(5), perMinute(10_000, 'app')];

export const XERO_CAPABILITIES: Pick<ProviderCapabilities, 'resources' | 'limits' | 'reports'> = {
  resources: [
    { resource: 'products', directions: ['push', 'pull', 'both'] },
    { resource: 'customers', directions: ['push', 'pull', 'both'] },
    { resource: 'transactions', directions: ['pull'] },
    { resource: 'invoices', directions: ['push', 'pull', 'both'] },
  ],
  reports: XERO_REPORTS,
  limits: { production: LIMITS, sandbox: LIMITS },
};
