import type { ErrorTable } from '../http/error-table.ts';
import { textAt } from '../items.ts';

/**
 * Square answers with a list of errors, each with a code and a category
 * (https://developer.squareup.com/docs/build-basics/general-considerations/handling-errors, read 2026-11-21). 401
 * concerns the token, 403 its permissions (https://developer.squareup.com/docs/oauth-api/best-practices, read
 * 2026-11-21).
 */
export const SQUARE_ERRORS: ErrorTable = {
  provider: 'square',
  faultIn(json, httpStatus) {
    if (httpStatus < 300) return null;
    if (typeof json !== 'object' || json === null || Object.keys(json).length === 0) return 'foreign';
    const first = firstErrorIn(json);
    return [textAt(first, 'code'), textAt(first, 'category')].filter((word) => word !== null);
  },
  fieldIn: (json) => textAt(firstErrorIn(json), 'field'),
  byCode: {
    ACCESS_TOKEN_EXPIRED: 'needs-reauth',
    ACCESS_TOKEN_REVOKED: 'needs-reauth',
    RATE_LIMITED: 'rate-limited',
    // Another object than the one that was read is there by now; the second is not in the SDK's list of codes (square 46.0.0).
    CONFLICT: 'conflict',
    VERSION_MISMATCH: 'conflict',
    IDEMPOTENCY_KEY_REUSED: 'conflict',
    RATE_LIMIT_ERROR: 'rate-limited',
    API_ERROR: 'unavailable',
  },
};

function firstErrorIn(json: unknown): unknown {
  const errors: unknown = typeof json === 'object' && json !== null && 'errors' in json ? json.errors : null;
  return Array.isArray(errors) ? (errors as unknown[])[0] : undefined;
}
