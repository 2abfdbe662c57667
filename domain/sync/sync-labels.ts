import type { Direction, Resource, SyncMode } from '../../contracts/providers.ts';
import type { SyncKey, SyncPhase } from '../../contracts/sync.ts';
import { PRIORITY } from '../../contracts/temporal.ts';

interface LabelledSync {
  readonly direction: Direction;
  readonly resource: Resource;
  readonly mode: SyncMode;
  readonly dryRun?: boolean | undefined;
  readonly window?: object | null | undefined;
  readonly deadLettersOnly?: boolean | undefined;
}

/** The title of a sync in the Temporal Web UI. `provider` is the display name, such as "Stripe". */
export function syncSummary(
  { direction, resource, mode, dryRun = false, window = null, deadLettersOnly = false }: LabelledSync,
  provider: string,
): string {
  const covered = deadLettersOnly ? 'dead letters' : window ? 'window' : mode;
  return `${WAYS[direction](provider)}: ${resource}, ${covered}${dryRun ? ', dry run' : ''}`;
}

const WAYS: Readonly<Record<Direction, (provider: string) => string>> = {
  pull: (provider) => `${provider} → venue`,
  push: (provider) => `venue → ${provider}`,
  both: (provider) => `venue ↔ ${provider}`,
};

/** Keeps one venue's work from delaying another's, and full runs from delaying incremental ones. */
export function syncPriority({ venueId, mode }: { readonly venueId: string; readonly mode: SyncMode }): {
  readonly fairnessKey: string;
  readonly priorityKey: number;
} {
  return { fairnessKey: venueId, priorityKey: mode === 'full' ? PRIORITY.bulk : PRIORITY.incremental };
}

/** Keyword search attributes by which operators find the syncs of a venue or a connection. */
export function syncKeywords({
  venueId,
  provider,
  connectionId,
  resource,
  direction,
}: Omit<SyncKey, 'direction'> & { readonly direction: Direction }): Readonly<Record<string, string>> {
  return { VenueId: venueId, Provider: provider, ConnectionId: connectionId, Resource: resource, Direction: direction };
}

/** The search attributes of a newly requested run. */
export function queuedKeywords(key: Parameters<typeof syncKeywords>[0]): Readonly<Record<string, string>> {
  return { ...syncKeywords(key), Phase: 'queued' satisfies SyncPhase };
}
