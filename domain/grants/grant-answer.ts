import type { EnsureFreshArgs, EnsureFreshResult, GrantStatus, RenewedGrant } from '../../contracts/connections.ts';

/** If a token that replaced a refused one is refused within this time, the provider refuses the access itself. */
const RENEWED_COUNTS_FOR_MS = 10 * 60_000;

/** The grant is usable, so it must be kept fresh. */
export const isKept = (grant: GrantStatus | null): grant is GrantStatus =>
  grant !== null && grant.state !== 'needs-reauth' && grant.state !== 'gone';

export const resultOf = (status: EnsureFreshResult['status'], grant: GrantStatus | null): EnsureFreshResult => ({
  status,
  generation: grant?.generation ?? null,
});

/** The answer to a caller that asks for a token. Null when the token must be renewed first. */
export function answerFrom(
  grant: GrantStatus | null,
  { minValidMs, rejectedGeneration }: EnsureFreshArgs[0],
  nowMs: number,
): EnsureFreshResult | null {
  if (!isKept(grant)) return answerWithout(grant);
  if (rejectedGeneration !== null && (grant.generation ?? 0) <= rejectedGeneration) return null;
  // A token that cannot be renewed is used until it expires.
  const neededMs = grant.refreshAt === null ? 0 : minValidMs;
  return grant.accessExpiresAt === null || Date.parse(grant.accessExpiresAt) - nowMs > neededMs
    ? resultOf('fresh', grant)
    : null;
}

const answerWithout = (grant: GrantStatus | null): EnsureFreshResult =>
  resultOf(grant?.state === 'needs-reauth' ? 'needs-reauth' : 'disconnected', grant);

/**
 * Whether renewing the refused token is pointless: it cannot be renewed, or it was just renewed for the same reason.
 */
export function isRefusedForGood(
  grant: GrantStatus | null,
  {
    renewed,
    rejectedGeneration,
  }: { readonly renewed: RenewedGrant | null; readonly rejectedGeneration: number | null },
  nowMs: number,
): boolean {
  if (grant?.refreshAt === null) return true;
  return renewed !== null && renewed.generation === rejectedGeneration && nowMs - renewed.atMs < RENEWED_COUNTS_FOR_MS;
}
