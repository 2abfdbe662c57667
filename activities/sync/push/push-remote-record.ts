import type { RecordId } from '../../../contracts/ids.ts';
import type { PushRow, PushStore } from '../../../db/push/push-store.ts';
import { validateMoves } from '../../../domain/sync/push/places.ts';
import type { ValidatedMoves, Move } from '../../../domain/sync/push/places.ts';
import type { PushDecision } from '../../../domain/sync/push/push-decision.ts';
import { listRefsOf } from './push-work.ts';
import type { PushWork } from './push-work.ts';
import type { RunScope } from '../../../db/runs/run-scope.ts';
import type {
  BulkHint,
  BulkSearch,
  ProviderRecord,
  RemoteHint,
  ResourceMapping,
  ResourceWriter,
} from '../../../providers/provider.ts';
import { ProviderError, refusesAccount } from '../../../providers/provider-error.ts';

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
  /**
   * The records whose remote records these objects are, by the results of this run that are not stored yet. Absent: there are
   * none.
   */
  readonly claims?: Map<string, RecordId>;
}

/** Whether the object is another record’s remote record; one that is no record’s becomes this one’s. */
export async function isOthers(externalId: string, recordId: RecordId, tools: RemoteTools): Promise<boolean> {
  const { store, scope, claims } = tools;
  return claimedByOther(externalId, recordId, { tied: await store.tiedTo(scope, [externalId]), claims });
}

/** The same, by what is `tied` to records. */
function claimedByOther(
  externalId: string,
  recordId: RecordId,
  { tied, claims }: { readonly tied: ReadonlyMap<string, RecordId>; readonly claims: RemoteTools['claims'] },
): boolean {
  const owner = claims?.get(externalId) ?? tied.get(externalId) ?? recordId;
  if (owner === recordId) claims?.set(externalId, recordId);
  return owner !== recordId;
}

/** Validates the places of a batch by where their writes end. What a deleted record has left is free. */
export async function placed(
  works: readonly PushWork[],
  { mapping, store, scope, claims = new Map() }: PlaceTools,
): Promise<ValidatedMoves> {
  const moves = movesOf(works, mapping);
  if (moves.length === 0) return { refused: new Set(), displaced: new Set() };
  const tied = await store.tiedTo(scope, placesIn(moves));
  const isTaken = moves.some(({ id, to }) => (tied.get(to) ?? id) !== id);
  if (isTaken) await store.untieDeleted(scope, placesIn(moves));
  const stillTied = isTaken ? await store.tiedTo(scope, placesIn(moves)) : tied;
  const validated = validateMoves(moves, (place) => claims.get(place) ?? stillTied.get(place));
  for (const { id, to } of moves) if (!validated.refused.has(id)) claims.set(to, id);
  return validated;
}

/** The same for a dry run, which changes nothing: its run takes deleted records out of use before it moves others there. */
export async function foreseenRefusals(
  works: readonly PushWork[],
  { mapping, store, scope }: Pick<PlaceTools, 'mapping' | 'scope'> & { readonly store: Pick<PushStore, 'heldBy'> },
): Promise<ReadonlySet<RecordId>> {
  const moves = movesOf(works, mapping);
  if (moves.length === 0) return new Set();
  const held = await store.heldBy(scope, placesIn(moves));
  return validateMoves(moves, (place) => held.get(place)).refused;
}

function movesOf(works: readonly PushWork[], { remoteIdOf }: PlaceTools['mapping']): readonly Move[] {
  if (remoteIdOf === undefined) return [];
  return works.flatMap(({ decision, mapped, row: { id, link } }) => {
    const [from, to] = [link?.externalId ?? null, WRITING.has(decision) ? remoteIdOf(mapped.payload) : null];
    return to === null || to === from ? [] : [{ id, from, to }];
  });
}

const WRITING: ReadonlySet<PushDecision> = new Set(['create', 'update', 'resolve']);
const placesIn = (moves: readonly Move[]): readonly string[] => moves.map(({ to }) => to);

interface PlaceTools extends Pick<RemoteTools, 'scope' | 'claims'> {
  readonly mapping: Pick<ResourceMapping, 'remoteIdOf'>;
  readonly store: Pick<PushStore, 'tiedTo' | 'untieDeleted'>;
}

/** How long before the first write its remote record is searched for, because the provider's clock may be behind. */
const CLOCK_SKEW_S = 600;

/**
 * Finds the remote record, by email if the record has one; a record that changed since its first write may have had
 * another email then.
 */
export async function findRemote(row: PushRow, tools: RemoteTools): Promise<FoundRemote> {
  const hint = hintOf(row, tools);
  const email = typeof row.fields['email'] === 'string' ? row.fields['email'] : null;
  const found = await searchRemote({ ...hint, email }, tools);
  return found.remote === null && email !== null && row.link?.recordChangedSince === true
    ? searchRemote({ ...hint, email: null }, tools)
    : found;
}

function hintOf(row: PushRow, { mapping }: Pick<RemoteTools, 'mapping'>): BulkHint & { readonly recordId: RecordId } {
  const { id: recordId, fields, refs, link } = row;
  const linkedAt = link?.createdAt;
  const sentAtMs = linkedAt?.getTime() ?? Date.now();
  const createdSinceEpochS = Math.floor(sentAtMs / 1_000) - CLOCK_SKEW_S;
  const timeZone = mapping.timeZoneOf?.(linkedAt);
  return { recordId, fields, refs, listRefs: listRefsOf(row, fields), timeZone, createdSinceEpochS, sentAtMs };
}

/**
 * The remote records of several records, by few calls; null where there is none. A record that is absent has to be looked up
 * alone: its remote record is in doubt, or is another record's.
 */
export async function findRemotes(
  rows: readonly PushRow[],
  tools: RemoteTools,
): Promise<ReadonlyMap<string, ProviderRecord | null>> {
  const { findMany } = tools.writer;
  if (!findMany || rows.length < 2) return new Map();
  const hints = rows.map((row) => hintOf(row, tools));
  const found = new Map<string, ProviderRecord | null>();
  for (let at = 0; at < hints.length; at += findMany.size)
    for (const [id, remote] of await findPart(findMany, hints.slice(at, at + findMany.size))) found.set(id, remote);
  const { store, scope } = tools;
  const externalIds = [...found.values()].flatMap((remote) => remote?.externalId ?? []);
  const tied = externalIds.length === 0 ? new Map<string, RecordId>() : await store.tiedTo(scope, externalIds);
  for (const { id } of rows) {
    const remote = found.get(id) ?? null;
    if (remote !== null && claimedByOther(remote.externalId, id, { tied, claims: tools.claims })) found.delete(id);
  }
  return found;
}

/** A question that is refused as a whole says nothing of its records: each is looked up alone. */
async function findPart({ find }: BulkSearch, hints: readonly BulkHint[]): ReturnType<BulkSearch['find']> {
  try {
    return await find(hints);
  } catch (error) {
    if (error instanceof ProviderError && error.details.kind === 'rejected' && !refusesAccount(error)) return new Map();
    throw error;
  }
}

/** Searches on without an object that is another record's remote record, because it was copied with its metadata. */
async function searchRemote(
  hint: Omit<RemoteHint, 'after' | 'excluded'> & { readonly recordId: RecordId },
  tools: RemoteTools,
): Promise<FoundRemote> {
  const copies: string[] = [];
  let after: RemoteHint['after'] = null;
  for (;;) {
    const search = await tools.writer.findRemote({ ...hint, after, excluded: copies });
    if (search.found === null) {
      if (search.after === null) return { remote: null, copies };
      after = search.after;
      continue;
    }
    const { externalId } = search.found;
    if (!(await isOthers(externalId, hint.recordId, tools))) return { remote: search.found, copies };
    copies.push(externalId);
  }
}
