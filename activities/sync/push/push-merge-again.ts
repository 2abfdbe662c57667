import type { PullStore } from '../../../db/pull/pull-store.ts';
import type { PushResult, PushStore } from '../../../db/push/push-store.ts';
import type { ChunkEnvironment } from '../chunk.ts';
import { mapRows } from './mapped-rows.ts';
import { lookUpPart, lookUpParts } from '../look-up.ts';
import { readRecord } from '../pull/pulled-record.ts';
import { rejected } from './push-result.ts';
import { planPush } from './push-work.ts';
import type { PushWork } from './push-work.ts';

export interface MergeAgainEnvironment extends ChunkEnvironment {
  readonly store: Pick<PushStore, 'readRows'>;
  readonly pulls: Pick<PullStore, 'settleMissing'>;
}

/** What is left to write after the remote records were read and merged again. */
export interface MergedAgain {
  readonly works: readonly PushWork[];
  /** Records that this run leaves as they are. */
  readonly results: readonly PushResult[];
}

/**
 * Reads remote records that have changed since the run read them, and merges them with the venue's records as a pull
 * does. What the venue then still has otherwise is planned anew.
 */
export async function mergeAgain(environment: MergeAgainEnvironment, stale: readonly PushWork[]): Promise<MergedAgain> {
  const { scope, store, pulls, control, mapping } = environment;
  const readings = await readAll(environment, stale);
  const found = readings.flatMap(({ pulled }) => (pulled ? [{ pulled, reason: 'doubted' as const }] : []));
  if (found.length > 0)
    control.committed(
      await pulls.settleMissing(scope, {
        ...{ gone: [], found, rejections: [], checkpoint: null },
        ...control.takeDelta(0),
      }),
    );
  const ids = readings.flatMap(({ pulled, work }) => (pulled ? work.row.id : []));
  const rows = await mapRows(ids.length === 0 ? [] : await store.readRows(scope, ids), environment);
  const nowMs = Date.now();
  // The provider has refused the earlier update, so nothing of it is in doubt.
  const works = rows
    .filter(({ deleted }) => !deleted)
    .map((row) => planPush({ ...row, link: row.link && { ...row.link, sent: null } }, mapping, nowMs));
  const planned = new Set(works.map(({ row }) => row.id));
  return { works, results: stale.filter(({ row }) => !planned.has(row.id)).map(changedMeanwhile) };
}

/** One of both sides has deleted the record since the run read it, or its object can no longer be read. */
const changedMeanwhile = (work: PushWork): PushResult =>
  rejected(
    work,
    'changed-meanwhile',
    'The record was deleted on one side, or became unreadable, while the run was at work. The next run decides about it.',
  );

async function readAll(environment: MergeAgainEnvironment, works: readonly PushWork[]) {
  const { session, control } = environment;
  const idOf = ({ row }: PushWork): string => row.link?.externalId ?? '';
  const waiting = lookUpParts(session, works);
  const read = async () => {
    const readings: { readonly work: PushWork; readonly pulled: ReturnType<typeof readRecord>['record'] | null }[] = [];
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      const answers = await lookUpPart(session, part.map(idOf));
      for (const work of part) {
        const record = answers.get(idOf(work))?.record ?? null;
        readings.push({ work, pulled: record && readRecord(record, environment, { lookedUp: true }).record });
      }
    }
    return readings;
  };
  return (await Promise.all(Array.from({ length: control.lanes }, read))).flat();
}
