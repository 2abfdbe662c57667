/** One request that reached the stand-in. */
export interface Call {
  /** Arrival in milliseconds since the epoch, by the machine's clock rather than the sandbox's. */
  readonly at: number;
  /** When its answer was ready, by the same clock. Two calls overlap when one arrives before the other is answered. */
  readonly answeredAt: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: string;
  /** The status sent, or 0 when the connection was cut without an answer. */
  readonly status: number;
  readonly idempotencyKey: string | null;
  /**
   * True only when this request changed the provider's objects. False for a replayed answer, a refusal, and an update
   * that changes nothing.
   */
  readonly written: boolean;
  readonly requestId: string;
  /** The account behind the key, or null when the key was refused. */
  readonly account: string | null;
  /** The kind of fault injected into this request, or null. */
  readonly fault: string | null;
  /** For a token request, its grant type: `authorization_code` or `refresh_token`. */
  readonly grantType?: string | null;
}

const KEPT_CALLS = 200_000;

/** The latest calls, oldest first. Keeps at least the last 200,000. */
export class CallLog {
  #calls: Call[] = [];

  add(call: Call): void {
    this.#calls.push(call);
    if (this.#calls.length >= KEPT_CALLS * 2) this.#calls = this.#calls.slice(-KEPT_CALLS);
  }

  since(atMs: number): Call[] {
    return this.#calls.slice(-KEPT_CALLS).filter((call) => call.at >= atMs);
  }

  clear(account?: string): void {
    this.#calls = account === undefined ? [] : this.#calls.filter((call) => call.account !== account);
  }
}
