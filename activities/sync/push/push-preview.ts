import { afterPush } from '../../../domain/sync/checkpoint.ts';
import type { PushCheckpoint } from '../../../domain/sync/checkpoint.ts';
import type { PushStore } from '../../../db/push/push-store.ts';
import type { ChunkEnvironment } from '../chunk.ts';
import { mapRows } from './mapped-rows.ts';
import { PlannedCalls, toPlanEntry, toTakenEntry } from './push-plan.ts';
import { foreseenRefusals } from './push-remote-record.ts';
import { planPush } from './push-work.ts';

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
    const works = rows.map((row) => planPush(row, mapping, Date.now()));
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
