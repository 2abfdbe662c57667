import {
  ActivityFailure,
  continueAsNew,
  defineQuery,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { INTERNAL_QUEUE } from '../../contracts/temporal.ts';
import { CLOSING_PROGRESS_QUERY } from '../../contracts/venues.ts';
import type {
  CloseVenueInput,
  ClosingCounts,
  ClosingProgress,
  ErasureCursor,
  VenueClosingActivities,
} from '../../contracts/venues.ts';
import { causeOf } from '../activity-failures.ts';
import { showPhase, showWaiting } from '../search-attributes.ts';

const steps = proxyActivities<VenueClosingActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '10 seconds',
  // After the last attempt the workflow waits and shows that it does.
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds', maximumAttempts: 6 },
});

const LOOK_AGAIN_AFTER_MS = 60_000;
/** Longer than any process of the API goes on to accept changes of a venue that is being closed. */
const SETTLE_MS = 2_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** How long subscribers get to hear of the disconnections. */
const TELLING_MS = 60_000;
/** How long the venue's other workflows get to end by themselves. */
const STOPPING_MS = 120_000;

/**
 * Closes a venue: ends its connections, then whatever else works for it, then erases its rows table by table, the venue
 * last. Begins again when something was added meanwhile. Cancelling keeps what is done; the venue stays closed to
 * changes, and asking again goes on with the rest.
 */
export async function closeVenue(input: CloseVenueInput): Promise<ClosingCounts> {
  return new Closing(input).run();
}

class Closing {
  readonly #input: CloseVenueInput;
  #counts: ClosingCounts;
  #step: ClosingProgress['step'] = 'disconnecting';
  #waiting = false;
  #cursor: ErasureCursor | null;

  constructor(input: CloseVenueInput) {
    const { disconnected = 0, shredded = 0, erased = 0, cursor = null } = input.continued ?? {};
    this.#input = input;
    this.#counts = { disconnected, shredded, erased };
    this.#cursor = cursor;
    setHandler(defineQuery(CLOSING_PROGRESS_QUERY), () => this.#progress(), {
      description: 'How far the closing has come: the step, and numbers.',
    });
  }

  async run(): Promise<ClosingCounts> {
    if (!this.#input.continued && !(await this.#begin())) return this.#counts;
    for (let closed = false; !closed;) {
      if (this.#cursor === null) {
        await this.#disconnect();
        await this.#tellSubscribers();
        await this.#stopWork();
      }
      await this.#erase();
      closed = await this.#finish();
    }
    this.#enter('closed');
    showPhase('finished');
    return this.#counts;
  }

  /** False when there is no such venue. */
  async #begin(): Promise<boolean> {
    const { venueId, requestedBy, requestId } = this.#input;
    const connections = await this.#insist(() =>
      steps.beginClosing.executeWithOptions({ summary: 'Mark the venue' }, [{ venueId, requestedBy, requestId }]),
    );
    if (connections === null) return false;
    this.#add({ disconnected: connections });
    showPhase('running');
    await sleep(SETTLE_MS, { summary: 'Until every process knows' });
    return true;
  }

  async #disconnect(): Promise<void> {
    this.#enter('disconnecting');
    const { venueId, requestedBy, shredAfterMs } = this.#input;
    await this.#until(shredAfterMs, async (shred) => {
      const { left, shredded } = await steps.disconnectVenue.executeWithOptions(
        { summary: shred ? 'Delete the credentials' : 'Disconnect the connections' },
        [{ venueId, requestedBy, shred }],
      );
      this.#add({ shredded });
      return left;
    });
  }

  async #tellSubscribers(): Promise<void> {
    this.#enter('telling-subscribers');
    const { venueId } = this.#input;
    await this.#until(TELLING_MS, async (late) =>
      late ? 0 : steps.countUnsent.executeWithOptions({ summary: 'Count messages to send' }, [{ venueId }]),
    );
  }

  async #stopWork(): Promise<void> {
    this.#enter('stopping-work');
    const { venueId } = this.#input;
    await this.#until(STOPPING_MS, (terminate) =>
      steps.stopVenueWork.executeWithOptions({ summary: terminate ? 'Terminate workflows' : 'Cancel workflows' }, [
        { venueId, terminate },
      ]),
    );
  }

  async #erase(): Promise<void> {
    this.#enter('erasing');
    const { venueId } = this.#input;
    do {
      const { cursor, erased } = await this.#insist(() =>
        steps.eraseVenueRows.executeWithOptions({ summary: `Erase rows: ${this.#cursor?.table ?? 'from the start'}` }, [
          { venueId, cursor: this.#cursor },
        ]),
      );
      this.#cursor = cursor;
      this.#add({ erased });
      if (cursor !== null && workflowInfo().continueAsNewSuggested) await this.#continueAsNew();
    } while (this.#cursor !== null);
  }

  async #finish(): Promise<boolean> {
    const { venueId, requestedBy } = this.#input;
    const closed = await this.#insist(() =>
      steps.finishClosing.executeWithOptions({ summary: 'Delete the venue' }, [
        { venueId, requestedBy, ...this.#counts },
      ]),
    );
    if (closed) return true;
    await sleep(SETTLE_MS, { summary: 'Until what was added is complete' });
    if (workflowInfo().continueAsNewSuggested) await this.#continueAsNew();
    return false;
  }

  #continueAsNew(): Promise<never> {
    return continueAsNew<typeof closeVenue>({
      ...this.#input,
      continued: { ...this.#counts, cursor: this.#cursor },
    });
  }

  /** Repeats the step until nothing is left, with growing pauses. From `limitMs` on the step is told that it is late. */
  async #until(limitMs: number, step: (late: boolean) => Promise<number>): Promise<void> {
    const lateMs = Date.now() + limitMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const late = Date.now() >= lateMs;
      if ((await this.#insist(() => step(late))) === 0) return;
      // The first look in time after the limit, and not a whole pause later.
      await sleep(late ? pauseMs : Math.max(1, Math.min(pauseMs, lateMs - Date.now())));
    }
  }

  /** Waits in place of failing: the database or Temporal's visibility comes back without anybody touching the closing. */
  async #insist<T>(step: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await step();
        if (this.#waiting) showPhase('running');
        this.#waiting = false;
        return result;
      } catch (error) {
        if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
        this.#waiting = true;
        showWaiting('waiting', causeOf(error).type, true);
        this.#show();
        await sleep(LOOK_AGAIN_AFTER_MS);
      }
    }
  }

  #enter(step: ClosingProgress['step']): void {
    this.#step = step;
    this.#show();
  }

  #add(more: Partial<ClosingCounts>): void {
    const { disconnected, shredded, erased } = this.#counts;
    this.#counts = {
      disconnected: disconnected + (more.disconnected ?? 0),
      shredded: shredded + (more.shredded ?? 0),
      erased: erased + (more.erased ?? 0),
    };
    this.#show();
  }

  #progress(): ClosingProgress {
    return {
      ...this.#counts,
      step: this.#step,
      waiting: this.#waiting,
      table: this.#step === 'erasing' ? (this.#cursor?.table ?? null) : null,
    };
  }

  /** Shows the progress in the Web UI: numbers only. */
  #show(): void {
    const { step, waiting, table, disconnected, shredded, erased } = this.#progress();
    setCurrentDetails(
      [
        `| closing | ${step}${waiting ? ', waiting' : ''} |`,
        '| --- | --- |',
        `| table | ${table ?? '–'} |`,
        `| connections to disconnect at the start | ${disconnected} |`,
        `| of them shredded without the provider’s answer | ${shredded} |`,
        `| rows erased | ${erased} |`,
      ].join('\n'),
    );
  }
}
