import { ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import type { ActivityFailure } from '@temporalio/workflow';
import type { AuthorizationRefusal } from '../contracts/connections.ts';
import { FAILURE } from '../contracts/failures.ts';

const REFUSALS: Readonly<Record<string, AuthorizationRefusal>> = {
  [FAILURE.keyServiceUnavailable]: 'vault-unavailable',
  [FAILURE.credentialsUnreadable]: 'vault-unavailable',
  [FAILURE.unavailable]: 'provider-unavailable',
  [FAILURE.rateLimited]: 'provider-unavailable',
  [FAILURE.quotaExhausted]: 'provider-unavailable',
  [FAILURE.heldBack]: 'provider-unavailable',
  [FAILURE.rejected]: 'provider-refused',
  [FAILURE.conflict]: 'provider-refused',
  [FAILURE.needsReauth]: 'access-refused',
  [FAILURE.unexpectedResponse]: 'provider-unexpected',
};

interface FailureDetails {
  readonly code?: string | null;
  readonly httpStatus?: number | null;
}

/**
 * Why a request to the provider failed, as a refusal of the attempt. A timeout carries the failure of the attempt
 * before it, if there was one.
 */
export function refusalFor({ cause }: ActivityFailure): AuthorizationRefusal {
  const failure = cause instanceof TimeoutFailure ? cause.cause : cause;
  if (!(failure instanceof ApplicationFailure)) return 'interrupted';
  const [details] = (failure.details ?? []) as readonly (FailureDetails | undefined)[];
  return byDetails(details ?? {}) ?? REFUSALS[failure.type ?? ''] ?? 'interrupted';
}

function byDetails({ code, httpStatus }: FailureDetails): AuthorizationRefusal | null {
  if (code === 'unreachable') return 'provider-unreachable';
  if (code === 'invalid_client') return 'app-refused';
  return httpStatus === 403 ? 'permissions-missing' : null;
}
