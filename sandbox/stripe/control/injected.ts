import { PROXY_PAGE } from '../../core/answer.ts';
import type { Answer } from '../../core/answer.ts';
import type { Fault } from '../../core/faults.ts';
import type { Exchange } from '../oauth/exchange.ts';
import { failureBody, ofStatus } from '../http/failure.ts';

/** The answer that a fault injects instead of Stripe's. */
export function injected(fault: Fault, { requestId }: Exchange): Answer {
  if (fault.kind === 'html')
    return { status: fault.status ?? 200, body: PROXY_PAGE, headers: { 'content-type': 'text/html' } };
  const failure = ofStatus(fault.status ?? 500, fault.code);
  const error = () => failureBody(failure, requestId);
  // Stripe never reports a failure inside a success, so `inside-success` sends the plain error.
  const bodies = { error, 'inside-success': error, empty: () => '{}', html: () => PROXY_PAGE };
  const { 'stripe-rate-limited-reason': usualReason, ...usual } = failure.headers;
  const reason = fault.rateLimitedReason === undefined ? usualReason : fault.rateLimitedReason;
  return {
    status: failure.status,
    body: bodies[fault.body](),
    headers: {
      ...usual,
      ...(reason != null && { 'stripe-rate-limited-reason': reason }),
      ...(fault.retryAfter !== undefined && { 'retry-after': String(fault.retryAfter) }),
      ...(fault.body === 'html' && { 'content-type': 'text/html' }),
    },
  };
}
