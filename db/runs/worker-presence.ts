import { randomInt } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { openDatabase } from '../core/venue-scope.ts';

/** An activity attempt whose worker process is gone. */
export interface AbandonedTask {
  readonly leaseId: string;
  /** Temporal's token of the attempt, as base64. */
  readonly taskToken: string;
}

/**
 * How worker processes notice each other's end: Postgres frees a process's advisory lock when its session ends, however
 * it died.
 */
export interface WorkerPresence {
  /** Identifies this process in its leases. */
  readonly workerKey: number;
  /**
   * Takes this process's lock if necessary, such as after an outage of Postgres, and returns the tasks of dead
   * processes. Rejects while Postgres is away.
   */
  look(): Promise<readonly AbandonedTask[]>;
  /** Frees the slots that a dead worker held. */
  release(leaseId: string): Promise<void>;
  close(): Promise<void>;
}

/** First half of our advisory locks' keys. Other two-number locks in this database must use another. */
const LOCK_CLASS = 0x0a11_7e55;
const MAX_KEY = 2 ** 31 - 1;

/**
 * Takes a lock under a key of its own. Needs a session of its own: behind a pooler that shares sessions, the end of a
 * process would not show.
 */
export async function createWorkerPresence(url: string): Promise<WorkerPresence> {
  const db = openDatabase({ url, maxConnections: 1, applicationName: 'interlock-worker-presence', keepsSession: true });
  let workerKey = randomInt(1, MAX_KEY);
  while (!(await take(workerKey))) workerKey = randomInt(1, MAX_KEY);

  async function take(key: number): Promise<boolean> {
    const [row] = await db.execute<{ taken: boolean }>(sql`
      select case when exists (select from pg_locks where ${isLockOf(sql`${key}::int`)} and pid = pg_backend_pid()) then true
        else pg_try_advisory_lock(${LOCK_CLASS}, ${key}) end as taken`);
    return row?.taken === true;
  }

  return {
    workerKey,
    async look() {
      await take(workerKey);
      const rows = await db.execute<{ id: string; task_token: string }>(sql`
        select id, task_token from provider_leases lease
        where task_token is not null and worker_key <> ${workerKey} and not exists (select from pg_locks where ${isLockOf(sql`lease.worker_key`)})`);
      return rows.map(({ id, task_token: taskToken }) => ({ leaseId: id, taskToken }));
    },
    async release(leaseId) {
      await db.execute(sql`delete from provider_leases where id = ${leaseId}`);
    },
    close: () => db.$client.end({ timeout: 5 }),
  };
}

// https://www.postgresql.org/docs/18/view-pg-locks.html: a lock by two numbers has them in classid and objid, and 2 in objsubid.
const isLockOf = (key: ReturnType<typeof sql>) => sql`
  locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())
  and classid = ${LOCK_CLASS} and objid = (${key})::oid and objsubid = 2`;
