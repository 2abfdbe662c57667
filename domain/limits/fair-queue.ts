import type { Release } from './venue-shares.ts';

/**
 * Share of the process that an owner may use while others wait: 100 ms of each second. One that has used more gives way
 * to those that have used less.
 */
const SHARE_MS = 100;
/** What is remembered beyond the share, so that no owner gives way for long after it has used the idle process. */
const MAX_REMEMBERED_MS = 2 * SHARE_MS;
/** As many times the most that an owner may use beside others are remembered, where that is more. */
const REMEMBERED_ABOVE_MOST = 1.25;
/** Use is forgotten exponentially with this time constant. */
const MEMORY_MS = 1_000;
/** Pieces of work of an owner above its share that may be started side by side. */
const MAX_STARTED = 4;
/** Of one while others use the process: their next work meets what was started before it. */
const MAX_STARTED_ABOVE_SHARE_BESIDE_OTHERS = 2;
/** Of any other owner while others use the process: what its work costs is known only afterwards. */
const MAX_STARTED_BESIDE_OTHERS = 8;
/**
 * What each of these may cost. While others use the process, as many fewer are started as the owner's work costs more:
 * four pages of a megabyte at once would delay the next request of another by all four.
 */
const CHEAP_MS = 4;
/** Costs beyond this make no difference: a single piece of work is started anyway. */
const MAX_EXPECTED_MS = CHEAP_MS * MAX_STARTED_BESIDE_OTHERS;
/** How far the expectation follows a piece of work that cost less. It follows one that cost more at once. */
const EXPECT_LESS = 0.1;
/** Work holds others back for this long after its start: later it mostly waits, for its sender or the database. */
const COUNTS_FOR_MS = 1_000;
/** Remembered use of an owner that sends a short request a second. */
const USED_STEADILY_MS = 1;
/** How little of another's use is left when it is some five seconds old: then the owner is alone. */
const NEARLY_FORGOTTEN_MS = 0.01;
const LOOK_AGAIN_MS = 2;
/** Accounts kept before those without use are removed. */
const MAX_ACCOUNTS = 1_000;

/** One piece of work, such as a request, between its start and its end. */
export interface Work {
  /** Adds to what the owner has used. */
  spend(costMs: number): void;
  /** As `spend`, for time of other processes: the owner's next work is not expected to take that from this one. */
  spendElsewhere(costMs: number): void;
  /** Adds to what the owner has used and waits for the next turn. One piece of work goes on in a round of the event loop. */
  yield(costMs: number): Promise<void>;
  /** Whether the work may go on after it has waited for something else, or others go first: then `yield`. */
  mayGoOn(): boolean;
  /** Ends the work. Call it once. */
  end(): void;
}

interface Waiter {
  readonly account: Account;
  readonly go: () => void;
}

/** An amount that is forgotten exponentially, so that a steady n a second is remembered as n. */
class Memory {
  readonly #most: number;
  #amount = 0;
  #asOfMs: number;

  constructor(most: number, nowMs: number) {
    this.#most = most;
    this.#asOfMs = nowMs;
  }

  at(nowMs: number): number {
    this.#amount *= Math.exp((this.#asOfMs - nowMs) / MEMORY_MS);
    this.#asOfMs = nowMs;
    return this.#amount;
  }

  add(amount: number, nowMs: number): void {
    this.#amount = Math.min(this.at(nowMs) + amount, this.#most);
  }
}

/** What one owner has used and does. */
class Account {
  readonly startedAtMs = new Set<{ readonly ms: number }>();
  readonly #waiting = { start: new Set<Waiter>(), lasting: new Set<Waiter>(), turn: new Set<Waiter>() };
  readonly #used: Memory;
  /** Pieces of lasting work that were started. */
  readonly lasting: Memory;
  #expectedMs = 0;

  constructor(nowMs: number, maxRememberedMs: number) {
    this.#used = new Memory(maxRememberedMs, nowMs);
    this.lasting = new Memory(Infinity, nowMs);
  }

  waiting(kind: WaiterKind): Set<Waiter> {
    return this.#waiting[kind];
  }

  get waits(): boolean {
    const { start, lasting, turn } = this.#waiting;
    return start.size + lasting.size + turn.size > 0;
  }

  usedMs(nowMs: number): number {
    return this.#used.at(nowMs);
  }

  spend(costMs: number, nowMs: number): void {
    this.#used.add(costMs, nowMs);
  }

  isAboveShare(nowMs: number): boolean {
    return this.usedMs(nowMs) > SHARE_MS;
  }

  /** Takes note of what a piece of work has cost, by which the next are judged. */
  learn(costMs: number): void {
    const less = this.#expectedMs + (costMs - this.#expectedMs) * EXPECT_LESS;
    this.#expectedMs = Math.min(Math.max(costMs, less), MAX_EXPECTED_MS);
  }

  /** How many pieces of work may be started side by side, of `most` cheap ones. */
  fitting(most: number): number {
    return Math.max(1, Math.floor(most * Math.min(1, CHEAP_MS / this.#expectedMs)));
  }

  /** Pieces of work that were started a short time ago. */
  recent(nowMs: number): number {
    let count = 0;
    for (const { ms } of this.startedAtMs) if (nowMs - ms < COUNTS_FOR_MS) count += 1;
    return count;
  }

  isForgotten(nowMs: number): boolean {
    return this.startedAtMs.size === 0 && !this.waits && this.usedMs(nowMs) < NEARLY_FORGOTTEN_MS;
  }
}

/** How a piece of work starts: `lasting` work goes on elsewhere after its end. */
type StartKind = 'start' | 'lasting';
type WaiterKind = StartKind | 'turn';

/**
 * Shares the time of the process among owners, such as venues: fair queueing by what each has used in the last second.
 * An owner within its share starts at once. One above it waits while an owner that has used less is at work, so that the
 * work of a heavy user fills the gaps between that of others, and never less than its share of the time.
 *
 * Lasting work, such as the start of a workflow, costs other processes far more than this one, and later, when others
 * are at work again. It fills no gaps: while others use the process, an owner starts so many pieces a second.
 */
export class FairQueue<Owner extends string = string> {
  readonly #accounts = new Map<Owner, Account>();
  readonly #nowMs: () => number;
  readonly #maxWaitMs: number;
  readonly #lastingPerSecond: number;
  readonly #mostMsBesideOthers: number;
  readonly #maxRememberedMs: number;
  #isScheduled = false;
  #lookAgain: ReturnType<typeof setTimeout> | null = null;
  #inUse = 0;
  #waiting = 0;
  #refused = 0;

  constructor({
    nowMs = () => performance.now(),
    maxWaitMs = 10_000,
    lastingPerSecond = Infinity,
    mostMsBesideOthers = Infinity,
  }: FairQueueOptions = {}) {
    this.#nowMs = nowMs;
    this.#maxWaitMs = maxWaitMs;
    this.#lastingPerSecond = lastingPerSecond;
    this.#mostMsBesideOthers = mostMsBesideOthers;
    this.#maxRememberedMs = Number.isFinite(mostMsBesideOthers)
      ? Math.max(MAX_REMEMBERED_MS, mostMsBesideOthers * REMEMBERED_ABOVE_MOST)
      : MAX_REMEMBERED_MS;
  }

  get inUse(): number {
    return this.#inUse;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** How often work waited too long for its start. */
  get refused(): number {
    return this.#refused;
  }

  /** Starts a piece of work, in the order in which the owner's arrived. Null when it has waited too long. */
  async start(owner: Owner, kind: StartKind = 'start'): Promise<Work | null> {
    const account = this.#accountOf(owner);
    const isFree = account.waiting(kind).size === 0 && this.#mayGo(account, kind);
    if (!isFree && !(await this.#waitForStart(account, kind))) {
      this.#refused += 1;
      return null;
    }
    return this.#begin(account, kind);
  }

  #begin(account: Account, kind: StartKind): Work {
    const started = { ms: this.#nowMs() };
    account.startedAtMs.add(started);
    if (kind === 'lasting') account.lasting.add(1, started.ms);
    this.#inUse += 1;
    let spentHereMs = 0;
    const spendElsewhere = (costMs: number): void => {
      account.spend(costMs, this.#nowMs());
    };
    const spend = (costMs: number): void => {
      spentHereMs += costMs;
      spendElsewhere(costMs);
    };
    return {
      spend,
      spendElsewhere,
      yield: async (costMs) => {
        spend(costMs);
        await this.#wait(account, 'turn').granted;
      },
      mayGoOn: () => this.#mayGo(account, 'turn'),
      end: () => {
        account.startedAtMs.delete(started);
        account.learn(spentHereMs);
        this.#inUse -= 1;
        if (this.#waiting > 0) this.#schedule();
      },
    };
  }

  async #waitForStart(account: Account, kind: StartKind): Promise<boolean> {
    const { granted, leave } = this.#wait(account, kind);
    const tooLong = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => {
      leave();
      tooLong.resolve(false);
    }, this.#maxWaitMs);
    try {
      return await Promise.race([granted.then(() => true), tooLong.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #wait(account: Account, kind: WaiterKind): { readonly granted: Promise<void>; readonly leave: Release } {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const waiter: Waiter = {
      account,
      go: () => {
        resolve(undefined);
      },
    };
    account.waiting(kind).add(waiter);
    this.#waiting += 1;
    this.#schedule();
    return {
      granted: promise,
      leave: () => {
        if (account.waiting(kind).delete(waiter)) this.#waiting -= 1;
      },
    };
  }

  #accountOf(owner: Owner): Account {
    const nowMs = this.#nowMs();
    const known = this.#accounts.get(owner);
    if (known) return known;
    if (this.#accounts.size >= MAX_ACCOUNTS)
      for (const [name, account] of this.#accounts) if (account.isForgotten(nowMs)) this.#accounts.delete(name);
    const made = new Account(nowMs, this.#maxRememberedMs);
    this.#accounts.set(owner, made);
    return made;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#lookAgain !== null) clearTimeout(this.#lookAgain);
    this.#lookAgain = null;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#grant();
    });
  }

  /** Grants one start of each kind and one turn a round of the event loop, to the owner that has used least. */
  #grant(): void {
    const nowMs = this.#nowMs();
    const lightestFirst = [...this.#accounts.values()]
      .filter((account) => account.waits)
      .toSorted((a, b) => a.usedMs(nowMs) - b.usedMs(nowMs));
    const granted = (['turn', 'start', 'lasting'] as const).map((kind) => this.#grantFirst(lightestFirst, kind));
    if (this.#waiting === 0) return;
    if (granted.includes(true)) this.#schedule();
    else
      this.#lookAgain ??= setTimeout(() => {
        this.#lookAgain = null;
        this.#schedule();
      }, LOOK_AGAIN_MS);
  }

  #grantFirst(accounts: readonly Account[], kind: WaiterKind): boolean {
    const next = accounts.find((account) => account.waiting(kind).size > 0 && this.#mayGo(account, kind));
    const [waiter] = next?.waiting(kind) ?? [];
    if (!next || !waiter) return false;
    next.waiting(kind).delete(waiter);
    this.#waiting -= 1;
    waiter.go();
    return true;
  }

  #hasOther(account: Account, is: (other: Account) => boolean): boolean {
    for (const other of this.#accounts.values()) if (other !== account && is(other)) return true;
    return false;
  }

  #mayGo(account: Account, kind: WaiterKind): boolean {
    const nowMs = this.#nowMs();
    if (kind !== 'turn' && account.recent(nowMs) >= this.#mostStarted(account, nowMs)) return false;
    if (kind === 'lasting' && !this.#mayStartLasting(account, nowMs)) return false;
    if (!account.isAboveShare(nowMs)) return true;
    const usedMs = account.usedMs(nowMs);
    if (usedMs >= this.#mostMsBesideOthers && !this.#isAlone(account, nowMs)) return false;
    return !this.#hasOther(account, (other) => other.recent(nowMs) > 0 && other.usedMs(nowMs) < usedMs);
  }

  #mayStartLasting(account: Account, nowMs: number): boolean {
    if (account.lasting.at(nowMs) < this.#lastingPerSecond) return true;
    return !this.#hasOther(account, (other) => other.usedMs(nowMs) >= NEARLY_FORGOTTEN_MS);
  }

  /** Whether no other uses the process steadily: a single short request counts for no longer than it takes. */
  #isAlone(account: Account, nowMs: number): boolean {
    return !this.#hasOther(account, (other) => other.usedMs(nowMs) >= USED_STEADILY_MS);
  }

  #mostStarted(account: Account, nowMs: number): number {
    const isAbove = account.isAboveShare(nowMs);
    if (this.#isAlone(account, nowMs)) return isAbove ? MAX_STARTED : Infinity;
    return account.fitting(isAbove ? MAX_STARTED_ABOVE_SHARE_BESIDE_OTHERS : MAX_STARTED_BESIDE_OTHERS);
  }
}

export interface FairQueueOptions {
  readonly nowMs?: () => number;
  /** How long work waits for its start. */
  readonly maxWaitMs?: number;
  /** Pieces of lasting work that an owner starts in a second while others use the process. */
  readonly lastingPerSecond?: number;
  /**
   * Time of each second that an owner may use while others use the process, also of what they leave: their next work
   * meets what was started before it, in this process and in those behind it.
   */
  readonly mostMsBesideOthers?: number;
}
