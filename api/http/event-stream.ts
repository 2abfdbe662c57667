import type { Response } from 'express';
import { noteLimit } from './request-context.ts';

export interface StreamEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

const HEARTBEAT_MS = 15_000;
/** A reader that reads nothing for this long is disconnected. It may come back with its Last-Event-ID. */
const STALLED_MS = 30_000;
const RECONNECT_AFTER_MS = 2_000;
const MAX_TIMEOUT_MS = 2_147_483_647;

/**
 * One answer of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Buffers at most
 * one event: there is one sender, and it waits.
 */
export class EventStream {
  readonly #res: Response;
  /** Wakes the sender when there is room again or the reader is gone. */
  #wake: () => void = () => undefined;

  /** Starts the answer. It ends at `until`, when the token that opened it expires. */
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

  /** Resolves when the reader has room for the next event or is gone. A stalled reader is disconnected. */
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
