import type { ErrorTable } from '../http/error-table.ts';
import { faultIn, faultInText } from './faults.ts';
import type { Fault } from './faults.ts';

type Body = Readonly<Record<string, unknown>>;

const bodyOf = (json: unknown): Body | null =>
  typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Body) : null;

function faultOf(json: unknown, text: string): Fault | null {
  const body = bodyOf(json);
  return body === null ? faultInText(text) : faultIn(body);
}

/**
 * A company whose subscription has ended or is in arrears
 * (https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/error-codes, read 2026-11-28).
 */
const COMPANY_STATUS = '6190';

/**
 * Faults may have any status, including 200: their code and type decide
 * (https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/error-codes, read 2026-11-28).
 */
export const QUICKBOOKS_ERRORS: ErrorTable = {
  provider: 'quickbooks',
  faultIn(json, httpStatus, text) {
    const fault = faultOf(json, text ?? '');
    if (fault) return [fault.code, fault.type].filter((word) => word !== undefined);
    if (httpStatus < 300) return null;
    return bodyOf(json) === null ? 'foreign' : [];
  },
  fieldIn: (json) => faultIn(bodyOf(json))?.element ?? null,
  byCode: {
    // The token has expired or was revoked.
    3200: 'needs-reauth',
    // Whoever connected the company may no longer use it
    // (https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/handling-common-errors, read 2026-11-28).
    120: 'needs-reauth',
    // Too many requests; the gateway has also sent this with 403.
    3001: 'rate-limited',
    // The company has disconnected the app, or taken the scope back. During outages the gateway uses the code too
    // (https://github.com/minimul/qbo_api/issues/81, read 2026-11-28).
    3100: { 403: 'needs-reauth' },
    // Somebody changed the object since it was read.
    5010: 'conflict',
    // A name that a customer, vendor or employee has
    // (https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/handling-common-errors, read 2026-11-28).
    6240: 'rejected',
    // An address that is none: the code is assumed, as docs/providers/quickbooks.md says.
    2210: 'rejected',
    [COMPANY_STATUS]: 'rejected',
    // A tax code other than TAX and NON in a US company (https://stackoverflow.com/questions/30780062, read 2026-11-29).
    6100: 'rejected',
    // Rules of the company, such as a tax rate on each line outside the US
    // (https://github.com/intuit/quickbooks-online-mcp-server/issues/94, read 2026-11-29).
    6000: 'rejected',
    // An invoice's number is taken, where the company forbids that
    // (https://quickbooks.intuit.com/learn-support/en-us/other-questions/error-code-6140-duplicate-document-error-manual-invoices-are/00/1533226,
    // read 2026-11-29).
    6140: 'rejected',
    // A line's amount is not its quantity times its price.
    6070: 'rejected',
    // What the object names is not there.
    2500: 'rejected',
    // Sent by the service and by the gateway in front of it.
    SystemFault: 'unavailable',
    SERVICE: 'unavailable',
    THROTTLE: 'rate-limited',
  },
  ofAccount: new Set([COMPANY_STATUS]),
  // A bare 403 says nothing of the token or of a record: the gateway answers so when it is overloaded.
  foreignByStatus: { 403: 'unavailable' },
  // Its limits are of a minute, and its refusals do not say which was met
  // (https://developer.intuit.com/app/developer/qbo/docs/learn/limits-and-throttles, read 2026-11-29).
  rateLimitPauseMs: 60_000,
};

/** For batches, whose answer has a fault for each refused item: each is that item's alone. */
export const QUICKBOOKS_BATCH_ERRORS: ErrorTable = {
  ...QUICKBOOKS_ERRORS,
  faultIn: (json, httpStatus, text) =>
    httpStatus < 300 && Array.isArray(bodyOf(json)?.['BatchItemResponse'])
      ? null
      : QUICKBOOKS_ERRORS.faultIn(json, httpStatus, text),
};
