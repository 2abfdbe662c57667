import type { Direction, Resource, SyncMode } from '../../contracts/providers.ts';
import type { SyncKey, SyncPhase } from '../../contracts/sync.ts';
import { PRIORITY } from '../../contracts/temporal.ts';

interface LabelledSync {
  readonly direction: Direction;
  readonly resource: Resource;
  readonly mode: SyncMode;
  readonly dryRun?: boolean | undefined;
  readonly window?: object | null | undefined;
}

/** What the Temporal Web UI calls a sync. `provider` is a person's name for it: "Stripe". */
export function syncSummary(
  { direction, resource, mode, dryRun = false, window = null }: LabelledSync,
  provider: string,
): string {
  const way = direction === 'pull' ? `${provider} → venue` : `venue → ${provider}`;
  return `${way}: ${resource}, ${window ? 'window' : mode}${dryRun ? ', dry run' : ''}`;
}

/** No venue's work delays another's, and no full run an incremental one. */
export function syncPriority({ venueId, mode }: { readonly venueId: string; readonly mode: SyncMode }): {
  readonly fairnessKey: string;
  readonly priorityKey: number;
} {
  return { fairnessKey: venueId, priorityKey: mode === 'full' ? PRIORITY.bulk : PRIORITY.incremental };
}

/** Search attributes of type Keyword by which operators find the syncs of a venue or a connection. */
export function syncKeywords({
  venueId,
  provider,
  connectionId,
  resource,
  direction,
}: Omit<SyncKey, 'direction'> & { readonly direction: Direction }): Readonly<Record<string, string>> {
  return { VenueId: venueId, Provider: provider, ConnectionId: connectionId, Resource: resource, Direction: direction };
}

/** Those of a run that has just been asked for. */
export function queuedKeywords(key: Parameters<typeof syncKeywords>[0]): Readonly<Record<string, string>> {
  return { ...syncKeywords(key), Phase: 'queued' satisfies SyncPhase };
}
