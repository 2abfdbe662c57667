import type { ErrorTable } from '../error-table.ts';
import { textAt } from '../items.ts';

/**
 * Errors are problem documents. A 403 that is not one comes from a gateway and asks to slow down
 * (https://mailchimp.com/developer/marketing/docs/errors/, read 2026-11-21).
 */
export const MAILCHIMP_ERRORS: ErrorTable = {
  provider: 'mailchimp',
  faultIn(json, httpStatus) {
    if (httpStatus < 300) return null;
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'foreign';
    const title = textAt(json, 'title');
    return title === null ? [] : [title];
  },
  byCode: {},
  byStatus: { 403: 'needs-reauth' },
  foreignByStatus: { 403: 'unavailable' },
};
