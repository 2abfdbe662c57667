import { createServer } from 'node:http';
import type { Server } from 'node:http';

/** Answers `/health/live` and `/health/ready`, for whoever starts and watches the process. */
export function startHealthServer(
  { host, port }: { readonly host: string; readonly port: number },
  isReady: () => boolean,
): Server {
  const server = createServer((req, res) => {
    const known = req.url === '/health/live' || req.url === '/health/ready';
    const ok = req.url === '/health/live' || isReady();
    const status = !known ? 404 : ok ? 200 : 503;
    res
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify({ status: ok && known ? 'ok' : 'down' }));
  });
  return server.listen(port, host);
}
