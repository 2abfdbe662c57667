import { setImmediate as nextTurn } from 'node:timers/promises';

const BYTES_A_TURN = 65_536;
/**
 * Time limit of a turn, because some input costs far more than its size suggests: a ten-byte record that is invalid is
 * validated and reported.
 */
const MS_A_TURN = 5;
/** Cost of a step besides its bytes, in bytes. */
const STEP_BYTES = 16;

/** The queue for turns, shared by all requests of the process. */
let line: Promise<void> = Promise.resolve();

/** Divides long work into steps and lets other requests run after every 64 KB and every 5 ms. */
export class Turns {
  readonly #nowMs: () => number;
  #spentBytes = 0;
  #beganMs: number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#beganMs = nowMs();
  }

  /** Whether this step ended its turn; then `await next()`. Separate, so that most steps wait for no promise. */
  endsWith(bytes: number): boolean {
    this.#spentBytes += STEP_BYTES + bytes;
    return this.#spentBytes >= BYTES_A_TURN || this.#nowMs() - this.#beganMs >= MS_A_TURN;
  }

  /**
   * Grants one turn per round of the event loop to all callers together, so that many loads delay other requests no
   * more than one does.
   */
  async next(): Promise<void> {
    line = line.then(() => nextTurn());
    await line;
    this.#spentBytes = 0;
    this.#beganMs = this.#nowMs();
  }
}
