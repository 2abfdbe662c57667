import { z } from 'zod';

/** A browser that has not answered by then hangs. */
const ANSWER_LIMIT_MS = 60_000;

const message = z.object({
  id: z.int().optional(),
  result: z.unknown().optional(),
  error: z.object({ message: z.string() }).optional(),
  method: z.string().optional(),
  params: z.record(z.string(), z.unknown()).default({}),
  sessionId: z.string().optional(),
});

export interface DevToolsEvent {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Of the page that it happened in. */
  readonly sessionId: string | undefined;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** One line to a browser, for all of its pages. The protocol: https://chromedevtools.github.io/devtools-protocol/tot/ (2026-11-21). */
export class DevTools {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: DevToolsEvent) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      this.#receive(message.parse(JSON.parse(String(data))));
    });
    socket.addEventListener('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser has gone'));
      this.#waiting.clear();
    });
  }

  static async connect(url: string): Promise<DevTools> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener(
        'open',
        () => {
          resolve();
        },
        { once: true },
      );
      socket.addEventListener(
        'error',
        () => {
          reject(new Error('the browser does not take the connection'));
        },
        { once: true },
      );
    });
    return new DevTools(socket);
  }

  /** `session`: the page that is meant; null for the browser itself. @throws Error with the browser's own words. */
  async send(session: string | null, method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = (this.#lastId += 1);
    const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, {
        resolve,
        reject: (error) => {
          reject(new Error(`${method}: ${error.message}`, { cause: error }));
        },
      });
      limit.addEventListener('abort', () => this.#waiting.get(id)?.reject(new Error('no answer')));
    });
    this.#socket.send(JSON.stringify({ id, method, params, ...(session !== null && { sessionId: session }) }));
    return answered.finally(() => this.#waiting.delete(id));
  }

  listen(listener: (event: DevToolsEvent) => void): void {
    this.#listeners.add(listener);
  }

  #receive({ id, result, error, method, params, sessionId }: z.output<typeof message>): void {
    if (method !== undefined) for (const listener of this.#listeners) listener({ method, params, sessionId });
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }
}
