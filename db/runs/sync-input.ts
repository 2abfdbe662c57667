import type { SyncConnectionInput } from '../../contracts/sync.ts';
import type { SyncWindow } from './sync-run-opening.ts';
import type { SyncRun } from './sync-run-store.ts';

/** The input that a run's workflow is started with. */
export function syncInputOf({
  id,
  venueId,
  connectionId,
  provider,
  resource,
  direction,
  mode,
  dryRun,
  deadLettersOnly,
  window,
  planId,
}: SyncRun): SyncConnectionInput {
  const key = { venueId, connectionId, provider, resource, direction };
  return {
    ...key,
    syncId: id,
    mode,
    ...(dryRun && { dryRun }),
    ...(deadLettersOnly && { deadLettersOnly }),
    ...(window && { window: inSeconds(window) }),
    ...(planId !== null && { planId }),
  };
}

const toEpochS = (date: Date | null) => (date === null ? null : Math.ceil(date.getTime() / 1_000));

/** Providers count whole seconds: [from, to) contains the same objects with both ends rounded up. */
const inSeconds = ({ from, to }: SyncWindow) => ({ fromEpochS: toEpochS(from), toEpochS: toEpochS(to) });
