import { Worker } from 'node:worker_threads';
import type { ExpressionAnalysis, ExpressionResult } from '../domain/mapping/mapping.ts';
import { EXPRESSION_LIMITS } from './limits.ts';
import type { ExpressionLimits } from './limits.ts';
import type { EvaluateRequest, ThreadAnswer, ThreadData, ThreadRequest } from './protocol.ts';

/** Evaluates JSONata in a thread of its own, which is ended when an expression does not end. */
export interface Expressions {
  /** By the expressions' texts. */
  analyse(texts: readonly string[]): Promise<ReadonlyMap<string, ExpressionAnalysis>>;
  /** For each input, one result for each expression. An expression that fails does not fail the others. */
  evaluate(texts: readonly string[], inputs: readonly unknown[]): Promise<readonly (readonly ExpressionResult[])[]>;
  close(): Promise<void>;
}

/** The thread starts with the first request and ends after this long without one. */
const IDLE_MS = 60_000;
const STARTING_MS = 30_000;
/** Inputs of one request to the thread: others that wait get their turn in between. */
const INPUTS_AT_ONCE = 250;

export function createExpressions(limits: ExpressionLimits = EXPRESSION_LIMITS): Expressions {
  return new ThreadedExpressions(limits);
}

class ThreadedExpressions implements Expressions {
  readonly #limits: ExpressionLimits;
  #thread: ExpressionThread | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;

  constructor(limits: ExpressionLimits) {
    this.#limits = limits;
  }

  async analyse(texts: readonly string[]): Promise<ReadonlyMap<string, ExpressionAnalysis>> {
    const answered = await this.#inTurn({ analyse: texts });
    const analyses = 'analyses' in answered ? answered.analyses : [];
    return new Map(
      texts.map((text, index) => [text, analyses[index] ?? { ok: false, message: 'Takes too long to be read' }]),
    );
  }

  async evaluate(texts: readonly string[], inputs: readonly unknown[]) {
    const results: (readonly ExpressionResult[])[] = [];
    if (texts.length === 0) return inputs.map(() => []);
    for (let from = 0; from < inputs.length; from += INPUTS_AT_ONCE)
      results.push(
        ...(await this.#evaluateSome({ expressions: texts, inputs: inputs.slice(from, from + INPUTS_AT_ONCE) })),
      );
    return results;
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#end();
  }

  /** Leaves out the input at which the thread had to be ended, and evaluates the others again. */
  async #evaluateSome({ expressions, inputs }: EvaluateRequest): Promise<readonly (readonly ExpressionResult[])[]> {
    const failed = expressions.map(() => KILLED);
    const skipped = new Set<number>();
    for (let kills = 0; kills <= this.#limits.maxKills; kills += 1) {
      const open = inputs.map((_input, index) => index).filter((index) => !skipped.has(index));
      const request = { expressions, inputs: open.map((index) => inputs[index]) };
      const answered = await this.#inTurn(request);
      if ('results' in answered) {
        const byIndex = new Map(open.map((index, at) => [index, answered.results[at] ?? failed]));
        return inputs.map((_input, index) => byIndex.get(index) ?? failed);
      }
      const at = 'killedAt' in answered ? open[answered.killedAt - 1] : undefined;
      if (at !== undefined) skipped.add(at);
    }
    return inputs.map(() => failed);
  }

  /** One request after the other. */
  #inTurn(request: ThreadRequest): Promise<ThreadAnswer | Killed> {
    const answered = this.#turn.then(() => this.#ask(request));
    this.#turn = answered.catch(() => undefined);
    return answered;
  }

  async #ask(request: ThreadRequest): Promise<ThreadAnswer | Killed> {
    clearTimeout(this.#idle);
    this.#thread ??= await ExpressionThread.start(this.#limits);
    const thread = this.#thread;
    const answered = await thread.ask(request);
    if ('killedAt' in answered) {
      await this.#end();
    } else {
      this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref();
    }
    return answered;
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.end();
  }
}

/** The thread had to be ended at this input, from one on; 0 before the first. */
interface Killed {
  readonly killedAt: number;
}

const KILLED: ExpressionResult = { ok: false, message: 'The expression did not end in time, or took too much memory.' };

/** One thread, which answers one request at a time. */
class ExpressionThread {
  readonly #worker: Worker;
  readonly #limits: ExpressionLimits;
  readonly #progress: ThreadData['progress'];
  #onAnswer: (answer: ThreadAnswer | Killed) => void = () => undefined;

  private constructor(limits: ExpressionLimits) {
    this.#limits = limits;
    this.#progress = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    this.#worker = new Worker(new URL('./expression-thread.ts', import.meta.url), {
      workerData: { limits, progress: this.#progress } satisfies ThreadData,
      // No secret of the process reaches the thread.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: limits.heapMb, maxYoungGenerationSizeMb: 8, stackSizeMb: 4 },
    });
    this.#worker.unref();
    this.#worker.on('message', (answer: ThreadAnswer) => {
      this.#onAnswer(answer);
    });
    for (const event of ['error', 'exit'])
      this.#worker.on(event, () => {
        this.#onAnswer({ killedAt: this.#reached });
      });
  }

  static async start(limits: ExpressionLimits): Promise<ExpressionThread> {
    const thread = new ExpressionThread(limits);
    const started = await thread.#next(STARTING_MS);
    if ('ready' in started) return thread;
    await thread.end();
    throw new Error('the thread for expressions does not start');
  }

  get #reached(): number {
    return Atomics.load(this.#progress, 0);
  }

  ask(request: ThreadRequest): Promise<ThreadAnswer | Killed> {
    Atomics.store(this.#progress, 0, 0);
    const answered = this.#next(this.#limits.killAfterMs);
    this.#worker.postMessage(request);
    return answered;
  }

  async end(): Promise<void> {
    this.#onAnswer = () => undefined;
    await this.#worker.terminate();
  }

  /** `killedAt` when the thread has failed, or has made no progress for this long. */
  #next(withoutProgressMs: number): Promise<ThreadAnswer | Killed> {
    return new Promise((resolve) => {
      let seen = this.#reached;
      const timer = setInterval(() => {
        if (this.#reached === seen) this.#onAnswer({ killedAt: seen });
        seen = this.#reached;
      }, withoutProgressMs);
      this.#onAnswer = (answer) => {
        clearInterval(timer);
        resolve(answer);
      };
    });
  }
}
