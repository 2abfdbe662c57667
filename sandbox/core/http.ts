import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A running server. `close` also ends every open connection, so it never waits for a client. */
export interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

// Longer than a client's idle timeout. A socket closed under a pooled client looks like a lost request, which the
// Stripe SDK then sends twice.
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** Serves on loopback only. Port 0 takes any free port. Throws what `listen` throws, such as EADDRINUSE. */
export async function listen(handler: RequestListener, port: number): Promise<Listening> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS, noDelay: true }, handler);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The whole body as text, or null when it exceeds `limitBytes`. Rejects when the client disconnects while sending. */
export async function readBody(req: IncomingMessage, limitBytes: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= limitBytes) chunks.push(chunk);
  }
  return length > limitBytes ? null : Buffer.concat(chunks).toString('utf8');
}
