import { setImmediate as nextTurn } from 'node:timers/promises';

const BYTES_A_TURN = 65_536;
/** What a step costs besides its bytes, counted in bytes. */
const STEP_BYTES = 16;

/** Long work in steps, which lets other requests have the event loop after every 64 KB. */
export class Turns {
  #spentBytes = 0;

  /** Whether this step was the last of its turn: `await next()` then. Separate, since most steps should not wait for a promise. */
  endsWith(bytes: number): boolean {
    this.#spentBytes += STEP_BYTES + bytes;
    return this.#spentBytes >= BYTES_A_TURN;
  }

  async next(): Promise<void> {
    this.#spentBytes = 0;
    await nextTurn();
  }
}
