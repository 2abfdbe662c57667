/** One request that reached the stand-in. */
export interface Call {
  /** When it arrived, milliseconds since the epoch by the machine's clock, whatever the sandbox's clock says. */
  readonly at: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: string;
  /** The status sent, or 0 when the connection was cut without an answer. */
  readonly status: number;
  readonly idempotencyKey: string | null;
  /** True only when this request changed the provider's objects: not for a replayed answer, a refusal or an update that changes nothing. */
  readonly written: boolean;
  readonly requestId: string;
  /** The account behind the key, or null when the key was refused. */
  readonly account: string | null;
  /** The kind of fault that struck, or null. */
  readonly fault: string | null;
  /** Of a request for tokens: what it gave for them, `authorization_code` or `refresh_token`. */
  readonly grantType?: string | null;
}

const KEPT_CALLS = 200_000;

/** The latest calls, oldest first. Older ones than the last 200,000 are forgotten. */
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
