import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inject } from 'vitest';

/** A server that a test run shares. `start` runs at most once, when the first test file asks for it. */
export interface SharedService {
  start(): Promise<Readonly<Record<string, string>>>;
  /** Runs only after a start, even a failed one. */
  stop(): Promise<void>;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** The address at which test files ask for services. */
    onDemandUrl: string;
  }
}

export interface OnDemandServices {
  readonly url: string;
  stop(): Promise<void>;
}

/** Offers services by name over loopback HTTP, because test files run in processes of their own and most need none. */
export async function offerOnDemand(services: Readonly<Record<string, SharedService>>): Promise<OnDemandServices> {
  const started = new Map<string, Promise<Readonly<Record<string, string>>>>();
  const server = createServer((request, response) => {
    const name = (request.url ?? '').slice(1);
    const service = services[name];
    const answer = service
      ? (started.get(name) ?? service.start())
      : Promise.reject(new Error(`No shared service is called "${name}"`));
    if (service) started.set(name, answer);
    answer.then(
      (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await Promise.allSettled(started.values());
      await Promise.all([...started.keys()].map(async (name) => services[name]?.stop()));
    },
  };
}

/** Called by a test file: starts the service unless another file has, and returns its description. */
export async function useService(name: string): Promise<Readonly<Record<string, string>>> {
  const response = await fetch(`${inject('onDemandUrl')}/${name}`, { signal: AbortSignal.timeout(600_000) });
  if (!response.ok) throw new Error(`${name} did not start: ${await response.text()}`);
  return (await response.json()) as Record<string, string>;
}
