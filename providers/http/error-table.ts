import type { ProviderId } from '../../contracts/providers.ts';
import { leavesOutcomeOpen } from '../provider-error.ts';
import type { ProviderErrorDetails, ProviderErrorKind } from '../provider-error.ts';

/**
 * What a body says about a failure. `foreign`: the answer comes from something in between, such as a proxy. Otherwise
 * the provider's own words, the most specific first: an error code, then perhaps a category. Empty when it names none.
 */
export type Fault = 'foreign' | readonly string[];

/** A kind, or one per status; `else` covers every other status. Without `else` the next word decides. */
export type ErrorRule = ProviderErrorKind | Readonly<Partial<Record<number | 'else', ProviderErrorKind>>>;

/** How one provider's failures are classified: by the body first, then by the status. */
export interface ErrorTable {
  readonly provider: ProviderId;
  /**
   * Reads a body of any shape; `text` is the body as received, for answers that are not JSON; null: too large. Null when nothing in it is
   * a failure, which only happens for a success.
   */
  readonly faultIn: (json: unknown, httpStatus: number, text?: string | null) => Fault | null;
  /** The parameter that the body of a failure names. */
  readonly fieldIn?: (json: unknown) => string | null;
  readonly byCode: Readonly<Partial<Record<string, ErrorRule>>>;
  /** Codes by which every call of the account is refused, whatever it asks for. */
  readonly ofAccount?: ReadonlySet<string>;
  /** How long the provider’s documentation asks to wait after a refusal for a rate limit that has no Retry-After. */
  readonly rateLimitPauseMs?: number;
  /** Statuses that this provider uses differently from most. */
  readonly byStatus?: Readonly<Partial<Record<number, ProviderErrorKind>>>;
  /** The same for answers that come from something in between. */
  readonly foreignByStatus?: Readonly<Partial<Record<number, ProviderErrorKind>>>;
}

export function kindOfFault(
  table: Omit<ErrorTable, 'provider' | 'faultIn' | 'fieldIn'>,
  fault: Fault,
  httpStatus: number,
): ProviderErrorKind {
  if (fault === 'foreign') return table.foreignByStatus?.[httpStatus] ?? foreignKind(httpStatus);
  for (const code of fault) {
    const kind = kindByCode(table, code, httpStatus);
    if (kind !== null) return kind;
  }
  return table.byStatus?.[httpStatus] ?? kindByStatus(httpStatus);
}

/** What a ProviderError says of the account, by the codes of the fault. */
export const accountRefusalOf = (
  { ofAccount }: Pick<ErrorTable, 'ofAccount'>,
  fault: readonly string[],
): Pick<ProviderErrorDetails, 'refusesAccount'> =>
  fault.some((code) => ofAccount?.has(code)) ? { refusesAccount: true } : {};

function kindByCode({ byCode }: Pick<ErrorTable, 'byCode'>, code: string, httpStatus: number) {
  const rule = Object.hasOwn(byCode, code) ? byCode[code] : undefined;
  if (rule === undefined) return null;
  return typeof rule === 'string' ? rule : (rule[httpStatus] ?? rule.else ?? null);
}

/** Kinds that only the provider itself can report: about a key or a record. */
function foreignKind(httpStatus: number): ProviderErrorKind {
  if (httpStatus === 429) return 'rate-limited';
  return leavesOutcomeOpen(httpStatus) ? 'unavailable' : 'unexpected-response';
}

/** A failure inside a 2xx is the provider's answer to this one call. */
function kindByStatus(httpStatus: number): ProviderErrorKind {
  if (httpStatus === 401) return 'needs-reauth';
  if (httpStatus === 429) return 'rate-limited';
  if (leavesOutcomeOpen(httpStatus)) return 'unavailable';
  return httpStatus >= 300 && httpStatus < 400 ? 'unexpected-response' : 'rejected';
}
