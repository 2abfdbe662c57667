/** What a session asks for once. It asks again after a failure, such as a lost answer. */
export class AskedOnce<T> {
  readonly #ask: () => Promise<T>;
  #answer: Promise<T> | null = null;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  get(): Promise<T> {
    this.#answer ??= this.#ask().catch((error: unknown) => {
      this.#answer = null;
      throw error;
    });
    return this.#answer;
  }

  /** Takes an answer that is known already, unless one was asked for. */
  learn(answer: T): void {
    this.#answer ??= Promise.resolve(answer);
  }
}
