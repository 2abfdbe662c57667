import { mayArchive } from '../../../domain/sync/pull/blast-radius.ts';
import { nextStage } from '../../../domain/sync/checkpoint.ts';
import type { Checkpoint, PullCheckpoint } from '../../../domain/sync/checkpoint.ts';
import type { SettledMissing } from '../../../db/pull/pull-store.ts';
import type { Deletion, Unclear } from '../../../db/pull/sync-missing.ts';
import type { ProviderRecord, ProviderRejection } from '../../../providers/provider.ts';
import { lookUpPart, lookUpParts } from '../look-up.ts';
import type { LookedUp } from '../look-up.ts';
import type { PullEnvironment } from './pull-context.ts';
import { readRecord } from './pulled-record.ts';

const SETTLED_AT_ONCE = 200;

/** Lists the records that the complete listing did not bring. Archives nothing yet. */
export async function findMissing(
  { scope, missing, progress }: PullEnvironment,
  checkpoint: PullCheckpoint,
): Promise<Checkpoint> {
  await missing.findUnlisted(scope);
  return moveOn({ scope, progress }, checkpoint);
}

/** Takes the objects that are to be retried, each of which is looked up. */
export async function findDeadLetters(
  { scope, missing, progress }: PullEnvironment,
  checkpoint: PullCheckpoint,
): Promise<Checkpoint> {
  await missing.findDeadLetters(scope);
  return moveOn({ scope, progress }, checkpoint);
}

/**
 * Archives what is deleted at the provider. A record that was merely not listed, or that was reported both as deleted and
 * as existing, is looked up first, so that an incomplete listing archives nothing and asks nobody. More than a run may
 * archive by itself waits for a person's approval.
 */
export async function settleMissing(
  environment: PullEnvironment,
  checkpoint: PullCheckpoint,
): Promise<Checkpoint | null> {
  const { scope, missing, control, pulls } = environment;
  // Of most runs nothing is missing, and the links of the connection need not be counted.
  if (!(await missing.hasUnsettled(scope))) return moveOn(environment, checkpoint);
  if (!(await lookUpUnclear(environment)) || !(await isAllowed(environment))) return null;
  for (;;) {
    const gone = await missing.listDeletions(scope, SETTLED_AT_ONCE);
    if (gone.length === 0) return moveOn(environment, checkpoint);
    control.committed(
      await pulls.settleMissing(scope, { gone, found: [], rejections: [], checkpoint: null, ...control.takeDelta(0) }),
    );
    if (control.stopping) return null;
  }
}

async function isAllowed({ scope, approved, missing, progress, control }: PullEnvironment): Promise<boolean> {
  if (scope.dryRun === true) return true;
  const counted = {
    ...(await missing.blastRadius(scope)),
    archived: control.progress.counts.archived,
    newestDeletionEpochUs: null,
  };
  if (mayArchive(counted, approved)) return true;
  await progress.awaitApproval(scope, counted);
  control.awaitApproval(counted);
  return false;
}

/** Returns false when the chunk is asked to stop before everything is looked up. */
async function lookUpUnclear(environment: PullEnvironment): Promise<boolean> {
  const { scope, missing, control, pulls } = environment;
  for (;;) {
    const batch = await missing.listUnclear(scope, SETTLED_AT_ONCE);
    if (batch.length === 0) return true;
    const { gone, found, rejections } = await lookUp(environment, batch);
    await missing.confirm(scope, gone);
    const settled = found.length + rejections.length;
    if (gone.length + settled > 0)
      control.committed(
        await pulls.settleMissing(scope, {
          gone: [],
          found,
          rejections,
          checkpoint: null,
          ...control.takeDelta(settled),
        }),
      );
    control.rethrow();
    if (control.stopping) return false;
  }
}

async function moveOn(
  { scope, progress }: Pick<PullEnvironment, 'scope' | 'progress'>,
  checkpoint: PullCheckpoint,
): Promise<Checkpoint> {
  const next = nextStage(checkpoint);
  await progress.moveTo(scope, next);
  return next;
}

const isOf = ({ externalId, mergedFrom = [] }: ProviderRecord, asked: string): boolean =>
  externalId === asked || mergedFrom.includes(asked);

async function lookUp(environment: PullEnvironment, batch: readonly Unclear[]) {
  const { session, control } = environment;
  const gone: Pick<Deletion, 'externalId' | 'version'>[] = [];
  const found: SettledMissing['found'][number][] = [];
  const rejections: ProviderRejection[] = [];
  const waiting = lookUpParts(session, batch);
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && !control.stopping; next = waiting.shift()) {
      const part = next;
      const askedAtMs = Date.now();
      const ids = part.map(({ externalId }) => externalId);
      const answers = await control.attempt(() => lookUpPart(session, ids));
      if (answers === null) waiting.push(part);
      else for (const unclear of part) take(unclear, answers.get(unclear.externalId), askedAtMs);
    }
  };
  function take({ externalId, reason }: Unclear, answer: LookedUp | undefined, askedAtMs: number): void {
    if (answer?.rejection) rejections.push(answer.rejection);
    // Where another object answers that was not merged from it, that has taken the place of the one that was asked for.
    else if (!answer?.record || !isOf(answer.record, externalId))
      gone.push({ externalId, version: session.versionOf(askedAtMs) });
    else {
      const { record, rejection } = readRecord(answer.record, environment, { lookedUp: true });
      if (rejection) rejections.push(rejection);
      // What it was merged into has been listed, or will be.
      else found.push({ pulled: record, reason: record.externalId === externalId ? reason : 'doubted' });
    }
  }
  await Promise.all(Array.from({ length: control.lanes }, lane));
  return { gone, found, rejections };
}
