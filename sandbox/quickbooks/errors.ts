import { json, Refusal } from '../oauth/exchange.ts';
import type { Reply } from '../oauth/exchange.ts';

/** An error of the token endpoint (RFC 6749 section 5.2). Intuit omits the description of `invalid_client`. */
export function oauthError(status: number, error: string, description?: string): Refusal {
  return new Refusal(json({ ...(description !== undefined && { error_description: description }), error }, { status }));
}

interface Problem {
  readonly message: string;
  readonly code: string;
  readonly type: string;
  readonly detail?: string;
  /** The property that the accounting service names. */
  readonly element?: string;
}

/** A refusal by the gateway in front of the API. Its names are lower-case, as in recorded exchanges. */
function gatewayFault(status: number, { message, code, type, detail = '' }: Problem): Reply {
  return json(
    {
      warnings: null,
      intuitObject: null,
      fault: { error: [{ message, detail, code, element: null }], type },
      report: null,
      queryResponse: null,
      batchItemResponse: [],
      attachableResponse: [],
      syncErrorResponse: null,
      requestId: null,
      time: Date.now(),
      status: null,
      cdcresponse: [],
    },
    { status, headers: status === 401 ? { 'www-authenticate': 'Bearer realm="Intuit", error="invalid_token"' } : {} },
  );
}

/**
 * A refusal by the accounting service, with the names from its documentation:
 * https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/error-codes (2026-11).
 */
export function accountingFault(
  status: number,
  {
    message,
    code,
    type = 'ValidationFault',
    detail = '',
    element = '',
  }: Omit<Problem, 'type'> & { readonly type?: string },
): Reply {
  return json(
    {
      Fault: { Error: [{ Message: message, Detail: detail, code, element }], type },
      time: new Date().toISOString(),
    },
    { status },
  );
}

/**
 * A failure inside a 200, as reported for 6190 (https://github.com/intuit/QuickBooks-V3-PHP-SDK/issues/211, read
 * 2026-11-28).
 */
export function faultInside200(code = '6190'): Reply {
  const detail = "You can't add data to QuickBooks Online Plus because your trial or subscription period ended.";
  const Fault = {
    Error: [{ Message: 'Invalid Company Status', Detail: detail, code, element: '' }],
    type: 'ValidationFault',
  };
  return json({ IntuitResponse: { Fault }, time: new Date().toISOString() });
}

export function authenticationFailed(detail: string): Refusal {
  return new Refusal(
    gatewayFault(401, {
      message: 'message=AuthenticationFailed; errorCode=003200; statusCode=401',
      code: '3200',
      type: 'AUTHENTICATION',
      detail,
    }),
  );
}

/** For a token of another company, or one without the scope. */
export function authorizationFailed(): Refusal {
  return new Refusal(
    gatewayFault(403, {
      message: 'message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403',
      code: '3100',
      type: 'AUTHORIZATION',
    }),
  );
}

/** QuickBooks' generic error for a status. */
export function ofStatus(status: number, code?: string): Reply {
  const usual: Partial<Record<number, Problem>> = {
    401: {
      message: 'message=AuthenticationFailed; errorCode=003200; statusCode=401',
      code: '3200',
      type: 'AUTHENTICATION',
    },
    404: { message: 'message=NotFound; errorCode=005000; statusCode=404', code: '5000', type: 'SERVICE' },
    429: { message: 'message=ThrottleExceeded; errorCode=003001; statusCode=429', code: '3001', type: 'THROTTLE' },
  };
  const other = {
    message: `message=InternalServerError; errorCode=010000; statusCode=${status}`,
    code: '10000',
    type: 'SERVICE',
  };
  const problem = usual[status] ?? other;
  return gatewayFault(status, code === undefined ? problem : { ...problem, code });
}

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';

/**
 * The gateway's throttle. Its body may be XML or plain text despite `Accept`
 * (https://developer.intuit.com/app/developer/qbo/docs/learn/limits-and-throttles, 2026-11).
 */
export function throttled(body: 'json' | 'xml' | 'text', status: number): Reply {
  const message = `message=ThrottleExceeded; errorCode=003001; statusCode=${status}`;
  if (body === 'json') return gatewayFault(status, { message, code: '3001', type: 'THROTTLE' });
  const text =
    body === 'text'
      ? message
      : `${XML}<IntuitResponse time="${new Date().toISOString()}" xmlns="http://schema.intuit.com/finance/v3"><Fault type="THROTTLE"><Error code="3001"><Message>${message}</Message></Error></Fault></IntuitResponse>`;
  return {
    status,
    headers: { 'content-type': body === 'xml' ? 'application/xml' : 'text/plain' },
    body: text,
    changes: [],
  };
}
