import { needsApproval } from '../domain/blast-radius.ts';
import { nextStage } from '../domain/checkpoint.ts';
import type { Checkpoint, PullCheckpoint } from '../domain/checkpoint.ts';
import type { PulledRecord } from '../db/pulled-record.ts';
import type { MissingRecord } from '../db/sync-missing.ts';
import type { PullEnvironment } from './pull-environment.ts';
import { toPulled } from './pulled-record.ts';

const SETTLED_AT_ONCE = 200;

/** Takes down what the complete listing did not bring. Nothing is archived yet. */
export async function findMissing({ scope, missing, progress }: PullEnvironment, checkpoint: PullCheckpoint): Promise<Checkpoint> {
  await missing.findUnlisted(scope);
  return moveOn({ scope, progress }, checkpoint);
}

/**
 * Archives what is deleted at the provider. What only was not listed is looked up first: a listing that leaves records out, for whatever
 * reason, archives nothing. More than a run may archive by itself waits for a person.
 */
export async function settleMissing(environment: PullEnvironment, checkpoint: PullCheckpoint): Promise<Checkpoint | null> {
  const { scope, missing, control, pulls, progress } = environment;
  if (!environment.approved && scope.dryRun !== true) {
    const radius = await missing.blastRadius(scope);
    if (needsApproval(radius)) {
      await progress.awaitApproval(scope, radius);
      control.awaitApproval(radius);
      return null;
    }
  }
  for (;;) {
    const batch = await missing.listUnsettled(scope, SETTLED_AT_ONCE);
    if (batch.length === 0) return moveOn(environment, checkpoint);
    const { gone, found } = await lookUp(environment, batch);
    if (gone.length + found.length > 0) {
      control.committed(await pulls.settleMissing(scope, { gone, found, checkpoint: null, ...control.takeDelta(found.length) }));
    }
    control.rethrow();
    if (control.stopping) return null;
  }
}

async function moveOn({ scope, progress }: Pick<PullEnvironment, 'scope' | 'progress'>, checkpoint: PullCheckpoint): Promise<Checkpoint> {
  const next = nextStage(checkpoint);
  await progress.moveTo(scope, next);
  return next;
}

async function lookUp({ session, mapping, control }: PullEnvironment, batch: readonly MissingRecord[]) {
  const gone: string[] = [];
  const found: PulledRecord[] = [];
  const waiting = [...batch];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && !control.stopping; next = waiting.shift()) {
      const { externalId, reason } = next;
      if (reason === 'told') {
        gone.push(externalId);
        continue;
      }
      const answer = await control.attempt(async () => ({ record: await session.retrieve(externalId) }));
      if (answer === null) waiting.push(next);
      else if (answer.record === null) gone.push(externalId);
      else found.push(toPulled(answer.record, mapping));
    }
  };
  await Promise.all(Array.from({ length: control.lanes }, lane));
  return { gone, found };
}
