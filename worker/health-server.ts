import type { Server } from 'node:http';
import { startInternalServer } from '../telemetry/metrics-server.ts';
import type { ListenAddress } from '../telemetry/metrics-server.ts';

/** Serves `/health/live`, `/health/ready` and `/metrics` to whatever starts and monitors the process. */
export function startHealthServer(address: ListenAddress, isReady: () => boolean): Server {
  return startInternalServer(address, {
    '/health/live': () => 200,
    '/health/ready': () => (isReady() ? 200 : 503),
  });
}
