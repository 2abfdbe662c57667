import { isReading, nextStage, withChangesSince } from '../../../domain/sync/checkpoint.ts';
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
      return markAndRead(environment, nextStage(checkpoint));
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

/** Asks for the newest change while the first pages of the stage behind are on their way. */
async function markAndRead(environment: PullEnvironment, checkpoint: Checkpoint): Promise<Checkpoint | null> {
  const [stage] = checkpoint.kind === 'pull' ? checkpoint.stages : [];
  if (checkpoint.kind !== 'pull' || !stage || !isReading(stage)) throw new Error('changes are marked before a list');
  return readStage(environment, { checkpoint, stage, begins: mark(environment, checkpoint) });
}

async function mark({ control, account, plan }: PullEnvironment, next: PullCheckpoint): Promise<PullCheckpoint | null> {
  const startedAtMs = performance.now();
  while (!control.stopping) {
    const answer = await control.attempt(async () => ({ newestEpochS: await account.newestChangeEpochS() }));
    const readingForMs = performance.now() - startedAtMs;
    if (answer !== null) return withChangesSince(next, plan, { ...answer, readingForMs });
  }
  return null;
}
