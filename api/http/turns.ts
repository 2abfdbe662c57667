import { setImmediate as nextTurn } from 'node:timers/promises';

const BYTES_A_TURN = 65_536;
/** Some input costs far more than its bytes say: a record of ten bytes that is wrong is validated, and told of. */
const MS_A_TURN = 5;
/** What a step costs besides its bytes, counted in bytes. */
const STEP_BYTES = 16;

/** Those who wait for a turn, all requests of the process in one line. */
let line: Promise<void> = Promise.resolve();

/** Long work in steps, which lets other requests have the event loop after every 64 KB and after every 5 ms. */
export class Turns {
  readonly #nowMs: () => number;
  #spentBytes = 0;
  #beganMs: number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#beganMs = nowMs();
  }

  /** Whether this step was the last of its turn: `await next()` then. Separate, since most steps should not wait for a promise. */
  endsWith(bytes: number): boolean {
    this.#spentBytes += STEP_BYTES + bytes;
    return this.#spentBytes >= BYTES_A_TURN || this.#nowMs() - this.#beganMs >= MS_A_TURN;
  }

  /** One turn in a round of the event loop, whoever asks: many loads at once hold up the others no longer than one does. */
  async next(): Promise<void> {
    line = line.then(() => nextTurn());
    await line;
    this.#spentBytes = 0;
    this.#beganMs = this.#nowMs();
  }
}
