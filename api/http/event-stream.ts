import type { Response } from 'express';
import { noteLimit } from './request-context.ts';

export interface StreamEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

const HEARTBEAT_MS = 15_000;
/** A reader that takes nothing for so long is gone, or may come back with its Last-Event-ID. */
const STALLED_MS = 30_000;
const RECONNECT_AFTER_MS = 2_000;
const MAX_TIMEOUT_MS = 2_147_483_647;

/**
 * One server-sent-events answer (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 * Holds no more than one event back: one sender at a time, and it waits.
 */
export class EventStream {
  readonly #res: Response;
  /** Lets the sender go on: there is room again, or nobody to send to. */
  #wake: () => void = () => undefined;

  /** Begins the answer. `until` ends it: the token that it was opened with has expired by then. */
  constructor(res: Response, until: Date) {
    this.#res = res;
    res.status(200).set({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    res.flushHeaders();
    res.write(`retry: ${RECONNECT_AFTER_MS}\n\n`);
    const heartbeat = setInterval(() => {
      this.#beat();
    }, HEARTBEAT_MS);
    const expiry = setTimeout(
      () => {
        this.end();
      },
      Math.min(Math.max(0, until.getTime() - Date.now()), MAX_TIMEOUT_MS),
    );
    res.on('drain', () => {
      this.#wake();
    });
    res.once('close', () => {
      clearInterval(heartbeat);
      clearTimeout(expiry);
      this.#wake();
    });
  }

  get open(): boolean {
    return !this.#res.writableEnded && !this.#res.destroyed;
  }

  /** Resolves when the reader has room for the next one, or is gone. A reader that stalls is cut off. */
  async send({ id, event, data }: StreamEvent): Promise<void> {
    if (!this.open) return;
    if (this.#res.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) return;
    const stalled = setTimeout(() => {
      noteLimit(this.#res.req, 'reader-cut');
      this.#res.destroy();
    }, STALLED_MS);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    clearTimeout(stalled);
  }

  end(): void {
    if (this.open) this.#res.end();
  }

  #beat(): void {
    if (this.open && !this.#res.writableNeedDrain) this.#res.write(': still here\n\n');
  }
}
