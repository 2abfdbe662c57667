import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';
import type { SyncOutcome, SyncPhase } from '../../contracts/sync.ts';
import { until } from '../support/eventually.ts';

/** A run as its row shows it. */
export interface SeenRun {
  readonly id: string;
  readonly direction: 'push' | 'pull';
  readonly phase: SyncPhase;
  readonly outcome: SyncOutcome | null;
  readonly waitingFor: string | null;
  readonly done: number;
  readonly finished: boolean;
}

const LOOK_EVERY_MS = 150;
/** Limit of one query, because a query to a database that was just killed may hang. */
const LOOK_LIMIT_MS = 3_000;

/** Polls all runs of some connections directly in the database several times a second, and keeps what it saw. */
export class RunWatch {
  readonly #database: postgres.Sql;
  readonly #connectionIds: string[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #watching: Promise<void>;
  #runs: ReadonlyMap<string, SeenRun> = new Map();
  #stopped = false;
  /** Runs whose committed count went down. */
  readonly wentBack: string[] = [];

  constructor(database: postgres.Sql) {
    this.#database = database;
    this.#watching = this.#watch();
  }

  get connectionIds(): readonly string[] {
    return this.#connectionIds;
  }

  add(connectionId: string): void {
    this.#connectionIds.push(connectionId);
  }

  runs(): readonly SeenRun[] {
    return [...this.#runs.values()];
  }

  open(): readonly SeenRun[] {
    return this.runs().filter(({ finished }) => !finished);
  }

  /** Calls the listener after each poll. Returns a function that unsubscribes it. */
  onLook(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  find(id: string): SeenRun | null {
    return this.#runs.get(id) ?? null;
  }

  async reached(
    id: string,
    {
      what,
      when,
      limitMs,
    }: { readonly what: string; readonly when: (run: SeenRun) => boolean; readonly limitMs: number },
  ): Promise<SeenRun> {
    const look = (): SeenRun | null => {
      const run = this.find(id);
      return run !== null && when(run) ? run : null;
    };
    try {
      return await until(look, { limitMs, what: `run ${id} ${what}`, everyMs: 100 });
    } catch (error) {
      throw new Error(`${(error as Error).message}; it is ${JSON.stringify(this.find(id))}`, { cause: error });
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      // The database is among the killed processes; a poll that fails is skipped.
      await Promise.race([this.#look(), sleep(LOOK_LIMIT_MS, undefined, { ref: false })]).catch(() => undefined);
      await sleep(LOOK_EVERY_MS);
    }
  }

  async #look(): Promise<void> {
    if (this.#connectionIds.length === 0) return;
    const rows = await this.#database<SeenRun[]>`
      select id, direction, phase, outcome, waiting_for ->> 'what' as "waitingFor", done::int as done, finished_at is not null as finished
      from sync_runs where connection_id = any (string_to_array(${this.#connectionIds.join()}, ',')::uuid[])`;
    for (const { id, done } of rows)
      if (done < (this.#runs.get(id)?.done ?? 0)) this.wentBack.push(`run ${id} went back to ${done}`);
    this.#runs = new Map(rows.map((row) => [row.id, row]));
    for (const listener of this.#listeners) listener();
  }
}
