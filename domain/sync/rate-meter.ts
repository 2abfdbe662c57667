/** Records per second over the last few seconds: shows a pause at once and forgets a spike. */
export class RateMeter {
  static readonly #WINDOW_MS = 10_000;
  readonly #marks: { readonly atMs: number; readonly count: number }[] = [];
  readonly #startedAtMs: number;

  constructor(startedAtMs: number) {
    this.#startedAtMs = startedAtMs;
  }

  add(count: number, atMs: number): void {
    this.#marks.push({ atMs, count });
    const since = atMs - RateMeter.#WINDOW_MS;
    while (this.#marks[0] !== undefined && this.#marks[0].atMs < since) this.#marks.shift();
  }

  perSecond(atMs: number): number {
    const since = Math.max(this.#startedAtMs, atMs - RateMeter.#WINDOW_MS);
    const count = this.#marks.reduce((sum, mark) => (mark.atMs >= since ? sum + mark.count : sum), 0);
    // Less than a second of measuring is too short, so divide by at least one second.
    return Math.round((count * 10_000) / Math.max(1_000, atMs - since)) / 10;
  }
}
