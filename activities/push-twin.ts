import type { PushRow, PushStore } from '../db/push-store.ts';
import type { RunScope } from '../db/run-scope.ts';
import type { ProviderRecord, ResourceWriter, TwinHint } from '../providers/provider.ts';

export interface FoundTwin {
  readonly twin: ProviderRecord | null;
  /** Objects that carry the record's id and are other records' twins. */
  readonly copies: readonly string[];
}

export interface TwinTools {
  readonly scope: RunScope;
  readonly writer: ResourceWriter;
  readonly store: Pick<PushStore, 'tiedTo'>;
}

/** How far before a write was first sent its twin is looked for: the provider's clock may be behind. */
const CLOCK_SKEW_S = 600;

/** By its email where it has one; a record that changed since its first write was sent may have had another then. */
export async function findTwin({ id: recordId, fields, link }: PushRow, tools: TwinTools): Promise<FoundTwin> {
  const createdSinceEpochS = Math.floor((link?.createdAt.getTime() ?? Date.now()) / 1_000) - CLOCK_SKEW_S;
  const email = 'email' in fields ? fields.email : null;
  const found = await searchTwin({ recordId, createdSinceEpochS, email }, tools);
  return found.twin === null && email !== null && link?.recordChangedSince === true
    ? searchTwin({ recordId, createdSinceEpochS, email: null }, tools)
    : found;
}

/** An object that is another record's twin was copied with its metadata: the search goes on without it. */
async function searchTwin(
  hint: Omit<TwinHint, 'after' | 'excluded'>,
  { scope, writer, store }: TwinTools,
): Promise<FoundTwin> {
  const copies: string[] = [];
  let after: string | null = null;
  for (;;) {
    const search = await writer.findTwin({ ...hint, after, excluded: copies });
    if (search.found === null) {
      if (search.after === null) return { twin: null, copies };
      after = search.after;
      continue;
    }
    const owner = await store.tiedTo(scope, search.found.externalId);
    if (owner === null || owner === hint.recordId) return { twin: search.found, copies };
    copies.push(search.found.externalId);
  }
}
