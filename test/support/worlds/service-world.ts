import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import type postgres from 'postgres';
import { createApp } from '../../../api/app.ts';
import { createApiDeps } from '../../../api/deps.ts';
import { startServer } from '../../../api/http/server.ts';
import { readApiConfig, readWorkerConfig } from '../../../config/config.ts';
import type { Registries } from '../../../providers/registry.ts';
import { signToken } from '../../../runtime/start/tokens.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { createDeps } from '../../../worker/deps.ts';
import { connectTemporal } from '../../../worker/temporal-connection.ts';
import { relayOutgoing } from '../../../worker/outgoing-relay.ts';
import { createWorkers } from '../../../worker/workers.ts';
import { createTestDatabase } from '../services/database.ts';
import { createTestNamespace } from '../services/temporal.ts';
import { installTemporalRuntime } from '../services/temporal-runtime.ts';

export interface ServiceWorldOptions {
  readonly registries: Registries;
  /** Environment variables of both processes besides those that every copy needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs as the database's owner before the service starts, like migrations. */
  readonly migrate?: (admin: postgres.Sql) => Promise<void>;
}

export interface Sent {
  readonly status: number;
  readonly text: string;
  /** An empty object when the answer is not JSON. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface SendOptions {
  readonly json?: unknown;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Omits the token. */
  readonly anonymous?: boolean;
}

const PUBLIC_URL = 'https://interlock.test';

/**
 * The API and the worker in this process, assembled like their `main.ts`, with their own database and Temporal
 * namespace. Unlike `startSystem` they serve whichever providers and kinds of record a test passes in.
 */
export async function createServiceWorld({ registries, env = {}, migrate }: ServiceWorldOptions) {
  const [database, temporal] = await Promise.all([createTestDatabase(), createTestNamespace()]);
  await migrate?.(database.admin);
  const jwtSecret = randomBytes(32).toString('base64');
  const complete = {
    JWT_SECRET: jwtSecret,
    MOCK_KMS: 'true',
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    PUBLIC_URL,
    ...env,
  };
  const logLines: string[] = [];
  const destination = {
    write(line: string) {
      logLines.push(line);
    },
  };
  const api = await createApiDeps(
    readApiConfig(complete, registries.providers),
    createLogger({ name: 'api', level: 'debug', destination }),
    registries,
  );
  const server = await startServer(createApp(api), { host: '127.0.0.1', port: 0, publicUrl: PUBLIC_URL });
  let stopWorkers = await startWorkers();
  const apiUrl = `http://127.0.0.1:${server.port}`;
  const token = await signToken({ subject: 'test', role: 'admin', venues: '*', ttlSeconds: 3_600 }, jwtSecret);
  const connection = await Connection.connect({ address: temporal.address });

  async function startWorkers() {
    installTemporalRuntime();
    const log = createLogger({ name: 'worker', level: 'debug', destination });
    const deps = await createDeps(readWorkerConfig(complete, registries.providers), log, registries);
    const connected = await connectTemporal(temporal, log, new AbortController().signal);
    if (connected === null) throw new Error('nobody stopped it');
    const workers = await createWorkers({ connection: connected, namespace: temporal.namespace, deps });
    const running = Promise.all(workers.map((one) => one.run()));
    const stopping = new AbortController();
    const client = await Connection.connect({ address: temporal.address });
    const { workflow } = new Client({ connection: client, namespace: temporal.namespace });
    const relay = relayOutgoing({ deliveries: deps.deliveries, workflow, log, stopped: stopping.signal });
    return async () => {
      stopping.abort();
      await relay;
      await client.close();
      for (const one of workers) one.shutdown();
      await running;
      await connected.close();
      await deps.close();
    };
  }

  async function send(method: string, path: string, options: SendOptions = {}): Promise<Sent> {
    const { json, body = json === undefined ? null : JSON.stringify(json), headers, anonymous = false } = options;
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: {
        ...(!anonymous && { authorization: `Bearer ${token}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body,
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
    return { status: response.status, text, json: isJson ? (JSON.parse(text) as Sent['json']) : {} };
  }

  return {
    database,
    apiUrl,
    token,
    send,
    /** The logs of both processes, one JSON document per line. */
    logLines: logLines as readonly string[],
    temporal: new Client({ connection, namespace: temporal.namespace }),
    /** Stops the worker as a deployment does, and starts another. */
    async restartWorker() {
      await stopWorkers();
      stopWorkers = await startWorkers();
    },
    async close() {
      await server.stop();
      await stopWorkers();
      await Promise.all([api.temporalConnection.close(), connection.close()]);
      await api.close();
      await database.drop();
    },
  };
}

export type ServiceWorld = Awaited<ReturnType<typeof createServiceWorld>>;
