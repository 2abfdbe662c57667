import { hash } from 'node:crypto';
import type { Resource } from '../../contracts/providers.ts';
import type { SyncKey } from '../../contracts/sync.ts';

const HOUR_MS = 3_600_000;

/** How often a schedule's run goes through everything, where nobody has said otherwise. */
export const DEFAULT_FULL_EVERY_MS = 7 * 24 * HOUR_MS;
export const MIN_FULL_EVERY_MS = HOUR_MS;
export const MAX_FULL_EVERY_MS = 90 * 24 * HOUR_MS;

/** After an attempt that failed or was cancelled, the next comes so much later; runs between them are incremental. */
const RETRY_PAUSE_MS = 6 * HOUR_MS;
/** Full passes of connections that began together come apart by up to this part of the interval. */
const SPREAD = 0.1;

/** The full passes of one sync: runs that went through everything, by whatever mode. */
export interface FullPasses {
  readonly resource: Resource;
  readonly direction: SyncKey['direction'];
  /** Of the last that completed. */
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  /** When the last was asked for, whatever became of it. */
  readonly attemptedAt: Date | null;
}

/**
 * From when on a schedule's run is a full pass; null for never. Each connection's interval is its own, up to a tenth shorter than the one
 * that was asked for, so that venues that were connected together do not read everything at the same time.
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

/** The same for the same sync at any time, in [0, 1). */
function fractionOf({ connectionId, resource }: Pick<SyncKey, 'connectionId' | 'resource'>): number {
  return Number.parseInt(hash('sha256', `${connectionId}/${resource}`).slice(0, 8), 16) / 2 ** 32;
}
