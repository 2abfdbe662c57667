import type { PushRow, PushStore } from '../../../db/push/push-store.ts';
import { listRefsOf } from './push-work.ts';
import type { RunScope } from '../../../db/runs/run-scope.ts';
import type { ProviderRecord, RemoteHint, ResourceMapping, ResourceWriter } from '../../../providers/provider.ts';

export interface FoundRemote {
  readonly remote: ProviderRecord | null;
  /** Objects that carry the record's id and are the remote records of other records. */
  readonly copies: readonly string[];
}

export interface RemoteTools {
  readonly scope: RunScope;
  readonly writer: ResourceWriter;
  readonly mapping: Pick<ResourceMapping, 'timeZoneOf'>;
  readonly store: Pick<PushStore, 'tiedTo'>;
}

/** How long before the first write its remote record is searched for, because the provider's clock may be behind. */
const CLOCK_SKEW_S = 600;

/**
 * Finds the remote record, by email if the record has one; a record that changed since its first write may have had
 * another email then.
 */
export async function findRemote(row: PushRow, tools: RemoteTools): Promise<FoundRemote> {
  const { id: recordId, fields, refs, link } = row;
  const linkedAt = link?.createdAt;
  const sentAtMs = linkedAt?.getTime() ?? Date.now();
  const createdSinceEpochS = Math.floor(sentAtMs / 1_000) - CLOCK_SKEW_S;
  const email = typeof fields['email'] === 'string' ? fields['email'] : null;
  const timeZone = tools.mapping.timeZoneOf?.(linkedAt);
  const hint = { recordId, fields, refs, listRefs: listRefsOf(row, fields), timeZone, createdSinceEpochS, sentAtMs };
  const found = await searchRemote({ ...hint, email }, tools);
  return found.remote === null && email !== null && link?.recordChangedSince === true
    ? searchRemote({ ...hint, email: null }, tools)
    : found;
}

/** Searches on without an object that is another record's remote record, because it was copied with its metadata. */
async function searchRemote(
  hint: Omit<RemoteHint, 'after' | 'excluded'>,
  { scope, writer, store }: RemoteTools,
): Promise<FoundRemote> {
  const copies: string[] = [];
  let after: RemoteHint['after'] = null;
  for (;;) {
    const search = await writer.findRemote({ ...hint, after, excluded: copies });
    if (search.found === null) {
      if (search.after === null) return { remote: null, copies };
      after = search.after;
      continue;
    }
    const owner = await store.tiedTo(scope, search.found.externalId);
    if (owner === null || owner === hint.recordId) return { remote: search.found, copies };
    copies.push(search.found.externalId);
  }
}
