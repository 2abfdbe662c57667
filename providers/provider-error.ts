import type { ProviderId } from '../contracts/providers.ts';

export const PROVIDER_ERROR_KINDS = [
  'needs-reauth',
  'rate-limited',
  'quota-exhausted',
  'conflict',
  'rejected',
  'unavailable',
  'unexpected-response',
] as const;
export type ProviderErrorKind = (typeof PROVIDER_ERROR_KINDS)[number];

export interface ProviderErrorDetails {
  readonly provider: ProviderId;
  readonly kind: ProviderErrorKind;
  readonly httpStatus?: number | undefined;
  /** The provider's own code, such as `parameter_invalid_empty`; never free text. */
  readonly code?: string | undefined;
  /** The field that the provider names, never its value. */
  readonly field?: string | undefined;
  /** The provider's own id for the call, which its support asks for first. */
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** The answer was replayed for this idempotency key, which will return it every time. */
  readonly replayed?: boolean | undefined;
  /** With `rejected`: every call of the account is refused, whatever it asks for. */
  readonly refusesAccount?: boolean | undefined;
  /** With `unexpected-response`: the `issuesOf` text of one unreadable object. The provider itself is healthy. */
  readonly unreadable?: string | undefined;
}

/**
 * The one error that an adapter throws when the provider, not our code, is the cause. Its message never quotes a
 * response: responses hold customers' data, and messages reach histories and logs.
 */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly details: ProviderErrorDetails;

  constructor(details: ProviderErrorDetails) {
    const { provider, kind, httpStatus, code, field } = details;
    super(
      `${provider} call failed: ${kind} (http ${httpStatus ?? 'none'}${code ? `, ${code}` : ''}${field ? `, ${field}` : ''})`,
    );
    this.details = details;
  }
}

/** Whether the whole account is refused, and no other record or call would fare better. */
export const refusesAccount = ({ details: { httpStatus, refusesAccount: isTold } }: ProviderError): boolean =>
  httpStatus === 403 || isTold === true;

/**
 * Whether an answer with this status leaves the outcome open: the call may have been carried out, and may succeed
 * later. 408 and 499 come from a server or proxy that stopped waiting, 409 from a conflict with another call, 425 from
 * a server that expects the call again (RFC 9110, sections 15.5.9 and 15.5.10, https://www.rfc-editor.org/rfc/rfc9110;
 * RFC 8470, section 5.2; 499 is nginx's own).
 */
export const leavesOutcomeOpen = (httpStatus: number): boolean => OPEN_STATUSES.has(httpStatus) || httpStatus >= 500;

const OPEN_STATUSES: ReadonlySet<number> = new Set([408, 409, 425, 499]);
