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
  readonly retryAfterMs?: number;
}

/** The failure of the last attempt, which a timeout carries if there was one. Null: there was none. */
export function applicationFailureOf({ cause }: ActivityFailure): ApplicationFailure | null {
  const failure = cause instanceof TimeoutFailure ? cause.cause : cause;
  return failure instanceof ApplicationFailure ? failure : null;
}

/** What the failure tells of the provider's answer. */
export function detailsOf(error: ActivityFailure): FailureDetails {
  const [details] = (applicationFailureOf(error)?.details ?? []) as readonly (FailureDetails | undefined)[];
  return details ?? {};
}

/** Why a request to the provider failed, as a refusal of the attempt. */
export function refusalFor(error: ActivityFailure): AuthorizationRefusal {
  const failure = applicationFailureOf(error);
  if (failure === null) return 'interrupted';
  return byDetails(detailsOf(error)) ?? REFUSALS[failure.type ?? ''] ?? 'interrupted';
}

function byDetails({ code, httpStatus }: FailureDetails): AuthorizationRefusal | null {
  if (code === 'unreachable') return 'provider-unreachable';
  if (code === 'invalid_client') return 'app-refused';
  return httpStatus === 403 ? 'permissions-missing' : null;
}
