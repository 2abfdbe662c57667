import type { RecordId } from '../contracts/ids.ts';
import type { Checkpoint, PullCheckpoint } from '../domain/checkpoint.ts';
import { fingerprintOf } from '../domain/fingerprint.ts';
import { advance, restart, split } from '../domain/segments.ts';
import type { Segment } from '../domain/segments.ts';
import type { PulledRecord, PullStore } from '../db/pull-store.ts';
import { ProviderError } from '../providers/provider-error.ts';
import type { ProviderPage, ProviderRecord, ResourceMapping } from '../providers/provider.ts';
import type { ChunkEnvironment } from './chunk.ts';
import { SerialCommitter } from './serial-committer.ts';

/** Pages in one transaction at most. */
const MAX_PAGES_A_COMMIT = 20;

/** One page read, and what it leaves of its segment. */
interface PageRead {
  readonly records: readonly ProviderRecord[];
  readonly segmentId: number;
  readonly left: readonly Segment[];
}

/** Reads a run's remaining segments, several at once, and commits each page together with the cursor. */
export async function pullChunk(environment: ChunkEnvironment & { readonly store: PullStore }, checkpoint: PullCheckpoint): Promise<void> {
  const { scope, session, mapping, control, store } = environment;
  const splitting = checkpoint.kind === 'listing';
  const read = checkpoint.kind === 'changes' && session.listChanges ? session.listChanges : session.listPage;

  let nextSegmentId = checkpoint.nextSegmentId;
  const idle = [...checkpoint.segments];
  const running = new Set<Promise<void>>();
  const uncommitted = new Map(checkpoint.segments.map((segment) => [segment.id, segment]));
  const deletedIds = new Set(checkpoint.deletedIds);

  const committer = new SerialCommitter<PageRead>(async (pages) => {
    for (const { segmentId, left } of pages) {
      uncommitted.delete(segmentId);
      for (const segment of left) uncommitted.set(segment.id, segment);
    }
    const records = withoutDeleted(pages.flatMap((page) => page.records), deletedIds).map((record) => toPulled(record, mapping));
    const next = toCheckpoint({ ...checkpoint, nextSegmentId, ...(deletedIds.size > 0 && { deletedIds: [...deletedIds] }) }, [...uncommitted.values()]);
    control.committed(await store.commit(scope, { records, checkpoint: next, ...control.takeDelta(records.length) }));
  }, { maxBatch: MAX_PAGES_A_COMMIT, gatherMs: 0 });

  async function readOne(segment: Segment): Promise<void> {
    const page = await control.attempt(() => read(segment).catch((error: unknown) => (isCursorGone(error) ? 'cursor-gone' : Promise.reject(error as Error))));
    if (page === null || page === 'cursor-gone') {
      idle.push(page === null ? segment : restart(segment));
      return;
    }
    const left = whatIsLeft(segment, page);
    idle.push(...left);
    committer.add({ records: page.records, segmentId: segment.id, left });
    await committer.room();
  }

  function whatIsLeft(segment: Segment, page: ProviderPage): readonly Segment[] {
    const rest = advance(segment, page);
    if (rest === null) return [];
    const wanted = splitting && running.size + idle.length < control.lanes;
    const halves = wanted ? split(rest, nextSegmentId) : null;
    if (halves) nextSegmentId += 1;
    return halves ?? [rest];
  }

  while ((idle.length > 0 || running.size > 0) && !committer.failed) {
    while (idle.length > 0 && running.size < control.lanes && !control.stopping) start(idle.shift());
    if (running.size === 0) break;
    await Promise.race(running);
  }
  await Promise.all(running);
  await committer.drain();
  control.rethrow();

  function start(segment: Segment | undefined): void {
    if (segment === undefined) return;
    const task: Promise<void> = readOne(segment).finally(() => running.delete(task));
    running.add(task);
  }
}

/** The record that a cursor names may be deleted while the listing is walked (seen as 400 `resource_missing`). */
const isCursorGone = (error: unknown) =>
  error instanceof ProviderError && error.details.httpStatus === 400 && error.details.code === 'resource_missing' && error.details.field === 'starting_after';

function toCheckpoint(checkpoint: PullCheckpoint, segments: readonly Segment[]): Checkpoint {
  const { watermarkEpochS } = checkpoint;
  return segments.length === 0 ? { kind: 'done', watermarkEpochS } : { ...checkpoint, segments };
}

/** Leaves out what a feed tells of a record after its deletion, which is older: a record we never had would be created, and stay. */
function withoutDeleted(records: readonly ProviderRecord[], deletedIds: Set<string>): readonly ProviderRecord[] {
  return records.filter(({ externalId, deleted }) => {
    if (deleted) deletedIds.add(externalId);
    return deleted || !deletedIds.has(externalId);
  });
}

function toPulled(record: ProviderRecord, mapping: ResourceMapping): PulledRecord {
  const { fields } = record;
  return {
    ...record,
    recordId: isUuid(record.recordId) ? (record.recordId as RecordId) : null,
    fingerprintFor: ({ id, sourceId }) => fields && fingerprintOf(mapping.toPayload({ id, sourceId, fields }).payload),
  };
}

// Metadata at a provider is anybody's to edit: what is no id of ours names no record of ours.
const isUuid = (text: string | null) => text !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
