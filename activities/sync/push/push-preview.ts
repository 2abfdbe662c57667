import { afterPush } from '../../../domain/sync/checkpoint.ts';
import type { PushCheckpoint } from '../../../domain/sync/checkpoint.ts';
import type { PushStore } from '../../../db/push/push-store.ts';
import type { PlannedTie } from '../../../db/runs/plan-items.ts';
import type { ChunkEnvironment } from '../chunk.ts';
import { mapRows } from './mapped-rows.ts';
import { PlannedCalls, toPlanEntry, toTakenEntry } from './push-plan.ts';
import { foreseenRefusals } from './push-remote-record.ts';
import { NO_LINK, planPush } from './push-work.ts';
import type { PushWork } from './push-work.ts';

const PAGE_SIZE = 1_000;

/** Records what a push would do with every record. Makes no provider call. */
export async function previewPush(
  environment: ChunkEnvironment & { readonly store: PushStore },
  checkpoint: PushCheckpoint,
): Promise<void> {
  const { scope, mapping, session, control, store } = environment;
  let { after } = checkpoint;
  const planned = new PlannedCalls(mapping, session.writer?.batch);
  while (!control.stopping) {
    const rows = await mapRows(await store.readPage(scope, { after, limit: PAGE_SIZE }), environment);
    const tied = await store.plannedForTied(
      scope,
      rows.map(({ id }) => id),
    );
    const works = rows.flatMap((row) => {
      const work = planPush(row, mapping, Date.now());
      const tie = tied.get(row.id);
      return tie ? whenTied(work, tie, scope) : work;
    });
    const refused = await foreseenRefusals(works, environment);
    const atEnd = rows.length < PAGE_SIZE;
    after = rows.at(-1)?.id ?? after;
    const next = atEnd ? afterPush(checkpoint) : { ...checkpoint, after };
    control.committed(
      await store.preview(scope, {
        entries: works.map((work) => (refused.has(work.row.id) ? toTakenEntry(work) : toPlanEntry(work))),
        calls: planned.add(works.filter(({ row }) => !refused.has(row.id))),
        checkpoint: next,
        ...control.takeDelta(works.length),
      }),
    );
    if (atEnd) return;
  }
}

/** The work that is left once the run's pull has tied the record; an incremental run does not meet a record that is as agreed. */
function whenTied(
  work: PushWork,
  { externalId, fingerprint }: PlannedTie,
  { mode }: ChunkEnvironment['scope'],
): readonly PushWork[] {
  const tied = { ...work, row: { ...work.row, link: { ...NO_LINK, externalId } } };
  if (fingerprint === null) return mode === 'full' ? [{ ...tied, decision: 'unchanged' }] : [];
  return [{ ...tied, fingerprint, decision: work.decision === 'reject' ? 'reject' : 'update' }];
}
