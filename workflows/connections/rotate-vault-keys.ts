import { RetryState } from '@temporalio/common';
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { INTERNAL_QUEUE } from '../../contracts/temporal.ts';
import { RETRY_ROTATION_SIGNAL } from '../../contracts/vault.ts';
import type {
  FinishRotationInput,
  KeyRotationActivities,
  RotateVaultKeysInput,
  RotationChunkResult,
  RotationProgress,
} from '../../contracts/vault.ts';
import { showFailure, showPhase, showWaiting } from '../search-attributes.ts';

const steps = proxyActivities<Omit<KeyRotationActivities, 'rotateKeysChunk'>>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

const chunks = proxyActivities<Pick<KeyRotationActivities, 'rotateKeysChunk'>>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  // After the last attempt the workflow waits and shows that it does. What is done so far is kept.
  retry: { initialInterval: '1 second', maximumInterval: '10 seconds', maximumAttempts: 6 },
});

const LOOK_AGAIN_AFTER = '2 minutes';
/**
 * A rotation normally takes two passes: one that works and one that finds nothing left. A third means that a process
 * still seals under another key.
 */
const PASSES_WITHOUT_PAUSE = 2;
const PAUSE_BETWEEN_PASSES = '1 minute';

/**
 * Reseals every stored secret under the current key, pass after pass until one finds nothing left. Secrets under the
 * old key stay readable until then, so syncs go on. Cancelling keeps what is done, and a new job continues with the
 * rest.
 */
export async function rotateVaultKeys(input: RotateVaultKeysInput): Promise<RotationProgress> {
  try {
    if (input.continued !== true) {
      show(await steps.beginKeyRotation.executeWithOptions({ summary: 'Take up the job' }, [input]), null);
      showPhase('running');
    }
    await new Rotation(input).walk();
  } catch (error) {
    if (isCancellation(error)) {
      await finish({ ...input, end: 'cancelled', errorType: null });
    } else if (error instanceof ActivityFailure) {
      const errorType = typeOf(error);
      await finish({ ...input, end: 'failed', errorType });
      showFailure(errorType);
    }
    throw error;
  }
  const ended = await finish({ ...input, end: 'completed', errorType: null });
  showPhase('finished');
  return ended;
}

class Rotation {
  readonly #input: RotateVaultKeysInput;
  #woken = false;

  constructor(input: RotateVaultKeysInput) {
    this.#input = input;
    setHandler(
      defineSignal(RETRY_ROTATION_SIGNAL),
      () => {
        this.#woken = true;
      },
      { description: 'Makes a rotation that waits look again at once.' },
    );
  }

  async walk(): Promise<void> {
    for (;;) {
      const chunk = await this.#tryChunk();
      if (chunk) {
        show(chunk, null);
        if (chunk.status === 'done') return;
        if (chunk.status === 'pass-ended' && chunk.pass >= PASSES_WITHOUT_PAUSE)
          await this.#pause(PAUSE_BETWEEN_PASSES);
      }
      if (workflowInfo().continueAsNewSuggested)
        await continueAsNew<typeof rotateVaultKeys>({ ...this.#input, continued: true });
    }
  }

  /** Returns null after a wait: the chunk is to be requested again. */
  async #tryChunk(): Promise<RotationChunkResult | null> {
    try {
      return await chunks.rotateKeysChunk.executeWithOptions({ summary: 'Re-seal secrets' }, [this.#input]);
    } catch (error) {
      if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
      if (error.retryState === RetryState.NON_RETRYABLE_FAILURE) throw error;
      // Waits instead of failing: the key service or the database comes back, or the rollout of the new key ends,
      // without anybody touching the job.
      const errorType = typeOf(error);
      await steps.parkKeyRotation.executeWithOptions({ summary: `Wait: ${errorType}` }, [
        { ...this.#input, errorType },
      ]);
      showWaiting('waiting', errorType, true);
      await this.#pause(LOOK_AGAIN_AFTER);
      showPhase('running');
      return null;
    }
  }

  async #pause(duration: typeof LOOK_AGAIN_AFTER | typeof PAUSE_BETWEEN_PASSES): Promise<void> {
    this.#woken = false;
    await condition(() => this.#woken, duration);
  }
}

/** Also when it was asked to stop after its last chunk had found nothing left, or had failed. */
async function finish(end: FinishRotationInput): Promise<RotationProgress> {
  const progress = await CancellationScope.nonCancellable(() =>
    steps.finishKeyRotation.executeWithOptions({ summary: `Close the job: ${end.end}` }, [end]),
  );
  show(progress, end.end);
  return progress;
}

function typeOf({ cause }: ActivityFailure): string {
  return cause instanceof ApplicationFailure ? (cause.type ?? 'Internal') : (cause?.name ?? 'Internal');
}

/** Shows the job's progress in the Web UI: numbers only. */
function show(
  { pass, venuesDone, venuesTotal, resealed, unreadable }: RotationProgress,
  end: FinishRotationInput['end'] | null,
): void {
  setCurrentDetails(
    [
      `| key rotation | ${end ?? 'at work'} |`,
      '| --- | --- |',
      `| pass | ${pass} |`,
      `| venues looked at in this pass | ${venuesDone} of ${venuesTotal ?? 'unknown'} |`,
      `| secrets brought under the new key | ${resealed} |`,
      `| secrets that cannot be opened | ${unreadable} |`,
    ].join('\n'),
  );
}
