/** Counts the requests that are under way, by account. */
export class OpenRequests {
  readonly #open = new Map<string, number>();
  #most = 0;

  /** Most requests of one account that were under way at once. */
  get most(): number {
    return this.#most;
  }

  reset(): void {
    this.#most = 0;
  }

  /** How many are under way with this one. */
  open(account: string): number {
    const now = (this.#open.get(account) ?? 0) + 1;
    this.#open.set(account, now);
    this.#most = Math.max(this.#most, now);
    return now;
  }

  close(account: string): void {
    this.#open.set(account, Math.max(0, (this.#open.get(account) ?? 0) - 1));
  }
}
