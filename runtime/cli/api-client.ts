import { StartError } from '../start/start-error.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** An HTTP client of the API with no more access than any other caller. */
export class ApiClient {
  readonly #baseUrl: string;
  readonly #token: string;

  constructor(baseUrl: string, token: string) {
    this.#baseUrl = baseUrl;
    this.#token = token;
  }

  /** Returns any answer, whatever its status. */
  async ask(path: string): Promise<ApiAnswer> {
    return this.#send('GET', path, {});
  }

  /** @throws {StartError} with the problem's code and detail unless the answer is 2xx. */
  async get(path: string): Promise<unknown> {
    return bodyOf(await this.ask(path), `GET ${path}`);
  }

  /** `key` becomes the Idempotency-Key. */
  async tryPost(path: string, body: unknown, key?: string): Promise<ApiAnswer> {
    return this.#send('POST', path, {
      body: JSON.stringify(body),
      headers: key === undefined ? {} : { 'idempotency-key': key },
    });
  }

  /** @throws {StartError} like `get`. */
  async post(path: string, body: unknown, key?: string): Promise<unknown> {
    return bodyOf(await this.tryPost(path, body, key), `POST ${path}`);
  }

  async #send(
    method: string,
    path: string,
    init: { body?: string; headers?: Record<string, string> },
  ): Promise<ApiAnswer> {
    const response = await fetch(`${this.#baseUrl}${path}`, {
      ...init,
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json', ...init.headers },
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : (JSON.parse(text) as unknown) };
  }
}

/** @throws {StartError} unless the status is 2xx. */
export function bodyOf({ status, body }: ApiAnswer, what: string): unknown {
  if (status >= 200 && status < 300) return body;
  const { code, detail } = (body ?? {}) as { code?: unknown; detail?: unknown };
  throw new StartError(
    `${what} answered ${status} ${typeof code === 'string' ? code : ''}: ${typeof detail === 'string' ? detail : 'no detail'}`,
  );
}
