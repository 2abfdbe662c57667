import { markChanges } from '../../../domain/sync/checkpoint.ts';
import type { Checkpoint, PullCheckpoint } from '../../../domain/sync/checkpoint.ts';
import type { PullEnvironment } from './pull-context.ts';
import { findDeadLetters, findMissing, settleMissing } from './pull-missing.ts';
import { readStage } from './pull-stage.ts';

/**
 * Runs a pull's stages until they are done, the chunk is asked to stop, or a person has to approve. Returns the
 * checkpoint after the last stage; null when a stage is not complete.
 */
export async function pullChunk(environment: PullEnvironment, first: PullCheckpoint): Promise<Checkpoint | null> {
  let checkpoint: Checkpoint | null = first;
  while (checkpoint?.kind === 'pull' && !environment.control.stopping)
    checkpoint = await runStage(environment, checkpoint);
  return checkpoint;
}

/** Returns the checkpoint after the stage; null when the stage is not complete. */
async function runStage(environment: PullEnvironment, checkpoint: PullCheckpoint): Promise<Checkpoint | null> {
  const [stage] = checkpoint.stages;
  switch (stage?.kind) {
    case 'listing':
    case 'changes':
    case 'sweep':
      return readStage(environment, { checkpoint, stage });
    case 'mark-changes':
      return mark(environment, checkpoint);
    case 'find-missing':
      return findMissing(environment, checkpoint);
    case 'find-dead-letters':
      return findDeadLetters(environment, checkpoint);
    case 'settle-missing':
      return settleMissing(environment, checkpoint);
    case undefined:
      throw new Error('a checkpoint of a pull has at least one stage');
  }
}

/**
 * Asks for the newest change before any list is read: its answer also tells the provider's clock, by which the first
 * page's readings are dated.
 */
async function mark(
  { control, account, plan, progress, scope }: PullEnvironment,
  checkpoint: PullCheckpoint,
): Promise<Checkpoint | null> {
  const answer = await control.attempt(async () => ({ newestEpochS: await account.newestChangeEpochS() }));
  control.rethrow();
  if (answer === null) return control.stopping ? null : checkpoint;
  const next = markChanges(checkpoint, plan, answer.newestEpochS);
  await progress.moveTo(scope, next);
  return next;
}
