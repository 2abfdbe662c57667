import { hash } from 'node:crypto';
import type { Resource } from '../../contracts/providers.ts';
import type { SyncKey } from '../../contracts/sync.ts';

const HOUR_MS = 3_600_000;

/** The default interval between full passes of a schedule. */
export const DEFAULT_FULL_EVERY_MS = 7 * 24 * HOUR_MS;
export const MIN_FULL_EVERY_MS = HOUR_MS;
export const MAX_FULL_EVERY_MS = 90 * 24 * HOUR_MS;

/** The delay before the next attempt after a failed or cancelled one. Runs in between are incremental. */
const RETRY_PAUSE_MS = 6 * HOUR_MS;
/** Spreads the full passes of connections that started together over this share of the interval. */
const SPREAD = 0.1;

/** The full passes of one sync, whatever mode their runs had. */
export interface FullPasses {
  readonly resource: Resource;
  readonly direction: SyncKey['direction'];
  /** Start of the last completed full pass. */
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  /** Time of the last request, whatever its outcome. */
  readonly attemptedAt: Date | null;
}

/**
 * From when on a schedule's run is a full pass; null for never. Shortens each connection's interval by its own share,
 * up to a tenth, so that venues connected together do not all read everything at the same time.
 */
export function fullPassDueAt(
  key: Pick<SyncKey, 'connectionId' | 'resource'>,
  fullEveryMs: number | null,
  passes: Pick<FullPasses, 'startedAt' | 'attemptedAt'> | null,
): Date | null {
  if (fullEveryMs === null) return null;
  const { startedAt, attemptedAt } = passes ?? { startedAt: null, attemptedAt: null };
  const everyMs = fullEveryMs * (1 - SPREAD * fractionOf(key));
  const dueAtMs = startedAt === null ? 0 : startedAt.getTime() + everyMs;
  const triedAtMs = attemptedAt === null ? 0 : attemptedAt.getTime() + Math.min(RETRY_PAUSE_MS, everyMs);
  return new Date(Math.max(dueAtMs, triedAtMs));
}

/** In [0, 1), deterministic for a sync. */
function fractionOf({ connectionId, resource }: Pick<SyncKey, 'connectionId' | 'resource'>): number {
  return Number.parseInt(hash('sha256', `${connectionId}/${resource}`).slice(0, 8), 16) / 2 ** 32;
}
