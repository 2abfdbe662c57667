import type { Work } from '../../domain/limits/fair-queue.ts';

const BYTES_A_TURN = 65_536;
/**
 * Time limit of a turn, because some input costs far more than its size suggests: a ten-byte record that is invalid is
 * validated and reported. A request that arrives meanwhile waits for its end; ending one costs some 4 µs.
 */
const MS_A_TURN = 2;
/** Cost of a step besides its bytes, in bytes. */
const STEP_BYTES = 16;

type TurnTaking = Pick<Work, 'yield' | 'mayGoOn'>;

/** Divides long work into steps and lets other requests run after every 64 KB and every 2 ms. */
export class Turns {
  readonly #work: TurnTaking;
  readonly #nowMs: () => number;
  #spentBytes = 0;
  #beganMs: number;

  constructor(work: TurnTaking, nowMs: () => number = () => performance.now()) {
    this.#work = work;
    this.#nowMs = nowMs;
    this.#beganMs = nowMs();
  }

  /** Whether this step ended its turn; then `await next()`. Separate, so that most steps wait for no promise. */
  endsWith(bytes: number): boolean {
    this.#spentBytes += STEP_BYTES + bytes;
    return this.#spentBytes >= BYTES_A_TURN || this.#nowMs() - this.#beganMs >= MS_A_TURN;
  }

  /** Waits until it is this work's turn again. */
  async next(): Promise<void> {
    await this.#work.yield(costMs(this.#nowMs() - this.#beganMs, this.#spentBytes));
    this.#spentBytes = 0;
    this.#beganMs = this.#nowMs();
  }

  /** Starts the time of the turn again, after a wait for the sender. False: others go first; then `await next()`. */
  resume(): boolean {
    this.#beganMs = this.#nowMs();
    return this.#work.mayGoOn();
  }
}

/** Bytes cost time outside of the turn as well: of the network, of decompression, of Postgres. */
const costMs = (elapsedMs: number, bytes: number): number =>
  Math.max(Math.min(elapsedMs, MAX_TURN_COST_MS), costOfBytes(bytes));
/** A turn that took longer has waited, for example for the database. One record may take as long as this. */
const MAX_TURN_COST_MS = 20;

/** Cost of reading or sending bytes, 1 ms per 64 KB. */
export const costOfBytes = (bytes: number): number => bytes / BYTES_A_TURN;
