import type { EnsureFreshArgs, EnsureFreshResult, GrantStatus, RenewedGrant } from '../../contracts/connections.ts';

/** A token that replaced a refused one, and is refused within this time, shows that it is the access that is refused. */
const RENEWED_COUNTS_FOR_MS = 10 * 60_000;

/** There is something to keep. */
export const isKept = (grant: GrantStatus | null): grant is GrantStatus =>
  grant !== null && grant.state !== 'needs-reauth' && grant.state !== 'gone';

export const resultOf = (status: EnsureFreshResult['status'], grant: GrantStatus | null): EnsureFreshResult => ({
  status,
  generation: grant?.generation ?? null,
});

/** What somebody is told who asks for a token. Null while it has to be renewed first. */
export function answerFrom(
  grant: GrantStatus | null,
  { minValidMs, rejectedGeneration }: EnsureFreshArgs[0],
  nowMs: number,
): EnsureFreshResult | null {
  if (!isKept(grant)) return answerWithout(grant);
  if (rejectedGeneration !== null && (grant.generation ?? 0) <= rejectedGeneration) return null;
  // A token that nothing renews is used to its end.
  const neededMs = grant.refreshAt === null ? 0 : minValidMs;
  return grant.accessExpiresAt === null || Date.parse(grant.accessExpiresAt) - nowMs > neededMs
    ? resultOf('fresh', grant)
    : null;
}

const answerWithout = (grant: GrantStatus | null): EnsureFreshResult =>
  resultOf(grant?.state === 'needs-reauth' ? 'needs-reauth' : 'disconnected', grant);

/** Renewing the token that the provider has refused would bring nothing: nothing renews it, or it has just been renewed for that. */
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
