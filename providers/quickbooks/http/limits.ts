import type { Limit, ProviderCapabilities } from '../../../contracts/providers.ts';
import { concurrent, perMinute, perMonth, perSecond } from '../../limits/limits.ts';

/** The classes of calls that QuickBooks limits apart from the others. */
export const CALL_CLASS = { read: 'read', batch: 'batch' } as const;

/**
 * 500 requests a minute and ten at once for a company; 40 batches a minute for a company and an app
 * (https://developer.intuit.com/app/developer/qbo/docs/learn/limits-and-throttles, read 2026-11-29). We stay a tenth
 * below, and with batches one: a venue's first push is thousands of records.
 */
const SANDBOX: readonly Limit[] = [
  ...[perMinute(450), perSecond(9), concurrent(9)],
  perMinute(39, 'account', CALL_CLASS.batch),
];

/**
 * Reads ("CorePlus") are metered by the calendar month for all companies of an app, but not those of sandbox companies
 * (https://blogs.intuit.com/2026/01/08/understanding-builder-tier-api-limits-for-you-and-your-customers, read 2026-11-28).
 */
export const quickbooksLimits = (readsPerMonth: number): ProviderCapabilities['limits'] => ({
  production: [...SANDBOX, perMonth(readsPerMonth, 'app', CALL_CLASS.read)],
  sandbox: SANDBOX,
});

/** What the lowest tier takes. Above it reads are refused until the month ends, and the companies are told so. */
export const BUILDER_READS_PER_MONTH = 500_000;
