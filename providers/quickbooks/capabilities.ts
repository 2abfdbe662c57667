import type { ProviderCapabilities } from '../../contracts/providers.ts';
import { concurrent, perMinute, perSecond } from '../limits.ts';

const LIMITS = [perMinute(450), perSecond(9), concurrent(9)];

/**
 * 500 requests a minute and ten at once for each company
 * (https://developer.intuit.com/app/developer/qbo/docs/learn/limits-and-throttles, read 2026-11-21). We stay a tenth below.
 */
export const QUICKBOOKS_CAPABILITIES: ProviderCapabilities = {
  provider: 'quickbooks',
  displayName: 'QuickBooks Online',
  resources: [],
  connect: ['oauth'],
  limits: { production: LIMITS, sandbox: LIMITS },
};
