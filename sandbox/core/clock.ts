/**
 * The sandbox's own time: the machine's, shifted by `offsetMs`. Created times, retention and expiry follow it; the call
 * log does not.
 */
export class SandboxClock {
  offsetMs = 0;

  nowMs(): number {
    return Date.now() + this.offsetMs;
  }

  nowSeconds(): number {
    return Math.floor(this.nowMs() / 1_000);
  }
}
