import { isReading, markChanges, nextStage } from '../../../domain/sync/checkpoint.ts';
import type { Checkpoint, MarkStage, PullCheckpoint } from '../../../domain/sync/checkpoint.ts';
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
      return mark(environment, checkpoint, stage);
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

const mark = (
  environment: PullEnvironment,
  checkpoint: PullCheckpoint,
  stage: MarkStage,
): Promise<Checkpoint | null> =>
  stage.besideListing === true ? markBeside(environment, checkpoint) : markFirst(environment, checkpoint);

/**
 * Asks for the newest change before any list is read: its answer also tells the provider's clock, by which the first
 * page's readings are dated. The listing is requested while the mark is stored.
 */
async function markFirst(environment: PullEnvironment, checkpoint: PullCheckpoint): Promise<Checkpoint | null> {
  const { control } = environment;
  const newest = await askForNewest(environment);
  control.rethrow();
  if (newest === null) return control.stopping ? null : checkpoint;
  return readMarked(environment, checkpoint, storeMark(environment, checkpoint, newest.epochS));
}

/**
 * Asks for the newest change and the first page at the same time. What has changed between the two is within the time
 * that the answer took. The first page counts as up to a second older than it is, which matters only where something was
 * read or written before.
 */
async function markBeside(environment: PullEnvironment, checkpoint: PullCheckpoint): Promise<Checkpoint | null> {
  const { control } = environment;
  const askedAtMs = performance.now();
  const marking = async (): Promise<Checkpoint | null> => {
    while (!control.stopping) {
      const newest = await askForNewest(environment);
      const tookS = Math.ceil((performance.now() - askedAtMs) / 1_000);
      if (newest !== null)
        return storeMark(environment, checkpoint, newest.epochS === null ? null : newest.epochS - tookS);
    }
    return null;
  };
  return readMarked(environment, checkpoint, marking());
}

/** Null when it has to be asked again, or the chunk is asked to stop. */
const askForNewest = ({ control, account }: PullEnvironment): Promise<{ readonly epochS: number | null } | null> =>
  control.attempt(async () => ({ epochS: await account.newestChangeEpochS() }));

async function storeMark(
  { plan, progress, scope }: PullEnvironment,
  checkpoint: PullCheckpoint,
  newestEpochS: number | null,
): Promise<Checkpoint> {
  const next = markChanges(checkpoint, plan, newestEpochS);
  await progress.moveTo(scope, next);
  return next;
}

/** Requests the listing that follows a mark, and stores its pages once the mark is stored. */
async function readMarked(
  environment: PullEnvironment,
  checkpoint: PullCheckpoint,
  marking: Promise<Checkpoint | null>,
): Promise<Checkpoint | null> {
  const expected = nextStage(checkpoint);
  const [stage] = expected.kind === 'pull' ? expected.stages : [];
  if (expected.kind !== 'pull' || !stage || !isReading(stage)) return marking;
  const begins = marking.then(
    (marked) => (marked?.kind === 'pull' ? marked : null),
    (error: unknown) => {
      environment.control.fail(error);
      return null;
    },
  );
  return readStage(environment, { stage, checkpoint: expected, begins });
}
