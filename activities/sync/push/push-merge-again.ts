import { needsApproval } from '../../../domain/sync/pull/blast-radius.ts';
import type { PullStore } from '../../../db/pull/pull-store.ts';
import type { PushResult, PushStore } from '../../../db/push/push-store.ts';
import type { ChunkEnvironment } from '../chunk.ts';
import { mapRows } from './mapped-rows.ts';
import { lookUpPart, lookUpParts } from '../look-up.ts';
import { readRecord } from '../pull/pulled-record.ts';
import { changedMeanwhile } from './push-result.ts';
import { planPush } from './push-work.ts';
import type { PushWork, SettledGone } from './push-work.ts';

export interface MergeAgainEnvironment extends ChunkEnvironment {
  readonly store: Pick<PushStore, 'readRows' | 'blastRadius'>;
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

/**
 * Applies the policy for deletions to a record that the venue has changed and whose remote record is gone, as the pull
 * does that finds it: an incremental one does not where the provider tells no deletions.
 */
export async function settleGone(environment: MergeAgainEnvironment, { row }: PushWork): Promise<SettledGone> {
  const { scope, store, pulls, control, session } = environment;
  const { of } = await store.blastRadius(scope);
  if (needsApproval({ archiving: control.progress.counts.archived + 1, of })) return 'too-many';
  const deletion = { version: session.versionOf(Date.now()), deletedAtMs: null, certain: true };
  control.committed(
    await pulls.settleMissing(scope, {
      gone: [{ externalId: row.link?.externalId ?? '', ...deletion }],
      ...{ found: [], rejections: [], checkpoint: null },
      ...control.takeDelta(0),
    }),
  );
  const [now] = await store.readRows(scope, [row.id]);
  return now?.deleted === false && now.link?.state === 'gone' ? 'wanted' : 'decided';
}
