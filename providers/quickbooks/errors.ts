import type { ErrorTable } from '../error-table.ts';
import { faultIn } from './faults.ts';

/** Faults may have any status, including 200: their code and type decide. */
export const QUICKBOOKS_ERRORS: ErrorTable = {
  provider: 'quickbooks',
  faultIn(json, httpStatus) {
    const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
    const fault = faultIn(isObject ? (json as Readonly<Record<string, unknown>>) : null);
    if (fault) return [fault.code, fault.type].filter((word) => word !== undefined);
    if (httpStatus < 300) return null;
    return isObject ? [] : 'foreign';
  },
  byCode: {
    // The token has expired or was revoked.
    3200: 'needs-reauth',
    // Too many requests; the gateway has also sent this with 403.
    3001: 'rate-limited',
    // The company has disconnected the app. During outages the gateway uses the code too
    // (https://github.com/minimul/qbo_api/issues/81, read 2026-11-28).
    3100: { 403: 'needs-reauth' },
    // Sent by the service and by the gateway in front of it.
    SystemFault: 'unavailable',
    SERVICE: 'unavailable',
    THROTTLE: 'rate-limited',
  },
};
