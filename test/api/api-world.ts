import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { SignJWT } from 'jose';
import { v7 as uuidv7 } from 'uuid';
import { createApp } from '../../api/app.ts';
import type { AppConfig, AppDeps } from '../../api/app.ts';
import { ApiError } from '../../api/api-error.ts';
import type { Role } from '../../api/caller.ts';
import { startServer } from '../../api/server.ts';
import type { SyncGateway } from '../../api/sync-gateway.ts';
import type { VenueId } from '../../contracts/ids.ts';
import type { ApproveSignal } from '../../contracts/sync.ts';
import { createAuditStore } from '../../db/audit-store.ts';
import { createBudgetStatusStore } from '../../db/budget-status-store.ts';
import { createBudgetStore } from '../../db/budget-store.ts';
import { createConnectionStore } from '../../db/connection-store.ts';
import { createIdempotencyStore } from '../../db/idempotency-store.ts';
import { createRecordStores } from '../../db/record-store.ts';
import { createPlanStore } from '../../db/plan-store.ts';
import { createScheduleStore } from '../../db/schedule-store.ts';
import { createSecretRotationStore } from '../../db/secret-rotation-store.ts';
import { createSyncProgressStore } from '../../db/sync-progress-store.ts';
import { createSyncRunStore } from '../../db/sync-run-store.ts';
import type { SyncRun } from '../../db/sync-run-store.ts';
import { createTransactionSummaryStore } from '../../db/transaction-summary-store.ts';
import { createVenueStore } from '../../db/venue-store.ts';
import { createProviders } from '../../providers/registry.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { createSealer } from '../../vault/sealer.ts';
import { Secret } from '../../vault/secret.ts';
import { createTestDatabase } from '../support/database.ts';
import { sandboxControl } from '../support/sandbox-control.ts';
import { RecordedSchedules } from './recorded-schedules.ts';

export const JWT_SECRET = randomBytes(32).toString('base64');
export const PUBLIC_URL = 'https://interlock.test';
const UI_URL = 'https://temporal.test';

/** Stands where Temporal stands: remembers what it was asked, and can be told to be away. */
export class RecordingGateway implements SyncGateway {
  readonly started: SyncRun[] = [];
  readonly cancelled: SyncRun[] = [];
  readonly approved: { readonly run: SyncRun; readonly by: string }[] = [];
  readonly woken: SyncRun[] = [];
  readonly jobs: string[] = [];
  /** Workflow run ids by run: what is at work. */
  readonly running = new Map<string, string>();
  away = false;

  async start(run: SyncRun): Promise<string> {
    this.#mustBeThere();
    this.started.push(run);
    const runId = uuidv7();
    this.running.set(run.id, runId);
    return runId;
  }

  async findRunning(run: SyncRun): Promise<string | null> {
    this.#mustBeThere();
    return this.running.get(run.id) ?? null;
  }

  async cancel(run: SyncRun): Promise<boolean> {
    this.#mustBeThere();
    if (!this.running.has(run.id)) return false;
    this.cancelled.push(run);
    return true;
  }

  async approve(run: SyncRun, { by }: ApproveSignal): Promise<boolean> {
    this.#mustBeThere();
    if (!this.running.has(run.id)) return false;
    this.approved.push({ run, by });
    return true;
  }

  async wake(run: SyncRun): Promise<boolean> {
    this.#mustBeThere();
    if (!this.running.has(run.id)) return false;
    this.woken.push(run);
    return true;
  }

  async untilClosed(run: SyncRun): Promise<void> {
    this.#mustBeThere();
    if (this.running.get(run.id) === run.workflowRunId) this.running.delete(run.id);
  }

  async startJob(jobId: string): Promise<void> {
    this.#mustBeThere();
    this.jobs.push(jobId);
  }

  async ping(): Promise<void> {
    this.#mustBeThere();
  }

  #mustBeThere(): void {
    if (this.away) throw new ApiError('temporal-unavailable', 'The workflow service cannot be reached at the moment.', { retryAfterMs: 2_000 });
  }
}

export interface WrongField {
  readonly path: string;
  readonly message: string;
}

/** The fields of all our answers together: each test reads those of the answer that it asked for. */
export interface AnswerBody {
  readonly id: string;
  readonly sourceId: string;
  readonly updatedAt: string;
  readonly action: string;
  readonly account: { readonly id: string };
  readonly data: AnswerBody[];
  readonly nextCursor: string | null;
  readonly received: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly rejected: number;
  readonly rejections: readonly { readonly line: number; readonly sourceId: string | null; readonly errors: readonly WrongField[] }[];
  readonly type: string;
  readonly detail: string;
  readonly errors: readonly WrongField[];
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body; an empty object where it is not JSON. */
  readonly json: AnswerBody;
}

export const pathsOf = (errors: readonly WrongField[] | undefined): string[] => (errors ?? []).map(({ path }) => path);

export interface SendOptions {
  readonly token?: string | null;
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TokenOptions {
  readonly sub?: string;
  readonly role?: Role;
  readonly venues?: readonly string[] | '*';
  readonly expiresInS?: number;
  readonly secret?: string;
}

export async function aToken({ sub = 'tester', role = 'admin', venues = '*', expiresInS = 600, secret = JWT_SECRET }: TokenOptions = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ role, venues: venues === '*' ? '*' : [...venues] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime(now + expiresInS)
    .sign(new TextEncoder().encode(secret));
}

/** The whole API on a real server, with a real database and a stand-in Stripe; only Temporal is recorded. */
export async function createApiWorld(options: { readonly config?: Partial<AppConfig>; readonly deps?: Partial<AppDeps> } = {}) {
  const [database, sandbox] = await Promise.all([createTestDatabase(), startStripeSandbox({ limits: { requestsPerSecond: 0 } })]);
  const { db } = database;
  const logLines: string[] = [];
  const gateway = new RecordingGateway();
  const scheduleGateway = new RecordedSchedules();
  const keyring = { kind: 'local', key: new Secret(randomBytes(32).toString('base64')) } as const;
  const stores = {
    venues: createVenueStore(db),
    records: createRecordStores(db),
    summaries: createTransactionSummaryStore(db),
    connections: createConnectionStore(db),
    runs: createSyncRunStore(db),
    schedules: createScheduleStore(db),
    plans: createPlanStore(db),
    budgets: createBudgetStatusStore(db),
    idempotency: createIdempotencyStore(db),
    audit: createAuditStore(db),
  };
  const deps: AppDeps = {
    config: {
      publicUrl: PUBLIC_URL,
      jwt: { kind: 'secret', secret: new Secret(JWT_SECRET) },
      rateLimits: { perCallerPerMinute: 100_000, perVenuePerMinute: 100_000 },
      temporalUiUrl: UI_URL,
      temporalNamespace: 'default',
      developmentKeyring: true,
      ...options.config,
    },
    log: createLogger({ name: 'test', level: 'trace', destination: { write: (line: string) => { logLines.push(line); } } }),
    clock: () => new Date(),
    ...stores,
    providers: createProviders({ stripe: { apiUrl: sandbox.apiUrl, requestsPerSecond: 2_000 } }, createBudgetStore(db)),
    sealer: createSealer(keyring),
    gateway,
    scheduleGateway,
    rotations: createSecretRotationStore(db, stores.audit),
    jobGateway: { startKeyRotation: (jobId) => gateway.startJob(jobId) },
    pingDatabase: () => db.execute(sql`select 1`),
    ...options.deps,
  };
  const admin = await aToken();
  let app = createApp(deps);
  let server = await startServer(app, { host: '127.0.0.1', port: 0, publicUrl: PUBLIC_URL });

  async function raw(method: string, path: string, { token = admin, json, body, headers = {} }: SendOptions = {}): Promise<Response> {
    const content = json === undefined ? body : JSON.stringify(json);
    return fetch(`http://127.0.0.1:${server.port}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(content === undefined ? {} : { body: content }),
      ...(content instanceof ReadableStream ? { duplex: 'half' } : {}),
    });
  }

  async function send(method: string, path: string, sendOptions: SendOptions = {}): Promise<Answered> {
    const response = await raw(method, path, sendOptions);
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
    return { status: response.status, headers: response.headers, text, json: (isJson ? JSON.parse(text) : {}) as AnswerBody };
  }

  async function aVenue(name = 'A venue'): Promise<VenueId> {
    const venue = await stores.venues.create({ sourceId: null, name, timeZone: 'Europe/Berlin', currency: 'EUR' });
    if (venue === 'source-id-taken') throw new Error('a venue without a sourceId cannot clash');
    return venue.id;
  }

  async function aConnection(venueId: VenueId): Promise<string> {
    const answer = await send('POST', `/v1/venues/${venueId}/connections`, { json: aKey(sandbox.secretKey) });
    if (answer.status !== 201) throw new Error(`connecting answered ${answer.status}: ${answer.text}`);
    return answer.json.id;
  }

  return {
    ...stores,
    database,
    sandbox,
    stripe: sandboxControl(sandbox.controlUrl),
    progress: createSyncProgressStore(db),
    gateway,
    scheduleGateway,
    logLines,
    raw,
    send,
    aVenue,
    aConnection,
    get endpoints() {
      return app.endpoints;
    },
    get express() {
      return app.express;
    },
    get port() {
      return server.port;
    },
    /** As after a crash or a deployment: nothing survives but what is stored. */
    async restart() {
      await server.stop();
      app = createApp(deps);
      server = await startServer(app, { host: '127.0.0.1', port: 0, publicUrl: PUBLIC_URL });
    },
    async close() {
      await server.stop();
      await Promise.all([sandbox.close(), database.drop()]);
    },
  };
}

export type ApiWorld = Awaited<ReturnType<typeof createApiWorld>>;

export const aKey = (secretKey: string, environment = 'sandbox') => ({ provider: 'stripe', environment, credentials: { secretKey } });
