import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { registry, watchProcess } from './metrics.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Paths besides `/metrics`, each with the status that it answers now. */
export type Probes = Readonly<Record<string, () => 200 | 503>>;

/** Answers `/metrics` and the probes on a port of its own, for whoever watches the process. It asks nobody who they are: keep the port inside. */
export function startInternalServer({ host, port }: ListenAddress, probes: Probes = {}): Server {
  watchProcess();
  const server = createServer((req, res) => {
    if (req.url === '/metrics' && req.method === 'GET') {
      registry.metrics().then(
        (text) => res.writeHead(200, { 'content-type': registry.contentType }).end(text),
        () => res.writeHead(500).end(),
      );
      return;
    }
    const probe = Object.hasOwn(probes, req.url ?? '') ? probes[req.url ?? ''] : undefined;
    const status = probe?.() ?? 404;
    res
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify({ status: status === 200 ? 'ok' : 'down' }));
  });
  return server.listen(port, host);
}
