import type { ReconciliationProgress } from '../../contracts/reconciliation.ts';
import type {
  Comparable,
  ReconciliationProgressStore,
  ReconciliationScope,
} from '../../db/reconciliation/reconciliation-progress-store.ts';
import { afterPage } from '../../domain/reconciliation/checkpoint.ts';
import type { ReconciliationCheckpoint } from '../../domain/reconciliation/checkpoint.ts';
import { differenceOf } from '../../domain/reconciliation/compare.ts';
import type { TransactionFact } from '../../domain/reconciliation/transaction-fact.ts';
import type { FieldMapping } from '../../domain/mapping/field-mapping.ts';
import type { SpanLists, Stream } from '../../domain/sync/pull/pull-plan.ts';
import { checkPage, restartPart } from '../../domain/sync/pull/strategies.ts';
import type { Part } from '../../domain/sync/pull/strategies.ts';
import { fewAtATime } from '../../providers/http/few-at-a-time.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ProviderPage, ProviderRecord, ResourceSession } from '../../providers/provider.ts';
import { lookUpPart, lookUpParts } from '../sync/look-up.ts';
import { factOf } from './transaction-fact.ts';

export interface WalkOptions {
  readonly scope: ReconciliationScope;
  readonly lists: SpanLists;
  readonly session: ResourceSession;
  /** The venue's. */
  readonly fieldMapping: Pick<FieldMapping, 'toVenue'>;
  /** From when on the connection pulls history; null: from the beginning. */
  readonly historyFromEpochS: number | null;
  readonly store: ReconciliationProgressStore;
  /** Provider calls since the last commit. */
  readonly takeCalls: () => number;
}

export interface Step {
  readonly checkpoint: ReconciliationCheckpoint;
  /** Null when the step has committed nothing. */
  readonly progress: ReconciliationProgress | null;
}

type At<Kind extends ReconciliationCheckpoint['kind']> = Extract<ReconciliationCheckpoint, { readonly kind: Kind }>;

/** What the provider has of transactions that were looked up; those that could not be read are missing. */
interface LookedUp {
  readonly facts: ReadonlyMap<string, TransactionFact | null>;
  readonly unreadable: number;
}

const READINGS_A_PAGE = 500;
const LOOK_UPS_A_PAGE = 100;
const LOOK_UPS_AT_ONCE = 4;
/** How often in a row a list may give a page again before a person has to look. */
const MAX_REPEATS = 3;

/** The steps of a reconciliation, each of which ends with a commit or asks for a page again. */
export class ReconciliationWalk {
  readonly #options: WalkOptions;
  #repeats = 0;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  step(checkpoint: Exclude<ReconciliationCheckpoint, At<'done'>>): Promise<Step> {
    switch (checkpoint.kind) {
      case 'reading':
        return this.#read(checkpoint);
      case 'comparing':
        return this.#compare(checkpoint);
      case 'looking-up':
        return this.#lookUpUntold(checkpoint);
    }
  }

  /** Reads one page of the first list that is not read to its end. */
  async #read({ parts }: At<'reading'>): Promise<Step> {
    const [part] = parts;
    if (!part) return { checkpoint: { kind: 'comparing', after: null }, progress: null };
    const stream = this.#streamOf(part);
    const page = await this.#listPage(stream, part);
    if (page === 'cursor-gone') return again(parts, this.#restarted(stream, part));
    const verdict = checkPage(stream, part, page);
    if (verdict.do === 'fail') throw this.#unexpected(verdict.code);
    if (verdict.do === 'ask-again') {
      this.#repeats += 1;
      if (this.#repeats > MAX_REPEATS) throw this.#unexpected(verdict.anomaly);
      return again(parts, verdict.part);
    }
    this.#repeats = 0;
    const checkpoint = afterPage(parts, verdict.left);
    const { fieldMapping, store, scope, takeCalls } = this.#options;
    const told = page.records
      .filter(this.#isWithinHistory)
      .map((record) => ({ record, fact: factOf(record, fieldMapping) }));
    const unmappable = told.filter(({ fact }) => fact === 'unmappable').length;
    const progress = await store.commitRead(scope, {
      readings: told.flatMap(({ record: { externalId, version }, fact }) =>
        fact === null || fact === 'unmappable' ? [] : [{ externalId, version, fact }],
      ),
      checkpoint,
      providerCalls: takeCalls(),
      unreadable: unmappable + (page.rejections?.length ?? 0),
    });
    return { checkpoint, progress };
  }

  /** What began earlier is unknown here, and not missing. Where the venue has it all the same, it is looked up. */
  readonly #isWithinHistory = ({ beganAtMs = Infinity }: ProviderRecord): boolean =>
    beganAtMs >= (this.#options.historyFromEpochS ?? -Infinity) * 1_000;

  #streamOf({ stream: name }: Part): Stream {
    const stream = this.#options.lists.streams.find((one) => one.name === name);
    // The plan has changed since this reconciliation began.
    if (!stream) throw this.#unexpected('unknown-list');
    return stream;
  }

  async #listPage(
    { name, isCursorGone }: Stream,
    { fromEpochS, toEpochS, after }: Part,
  ): Promise<ProviderPage | 'cursor-gone'> {
    try {
      return await this.#options.session.listPage({ stream: name, fromEpochS, toEpochS, after });
    } catch (error) {
      if (after !== null && error instanceof ProviderError && isCursorGone(error.details)) return 'cursor-gone';
      throw error;
    }
  }

  /** The list from where it can go on without its cursor. Readings that come again replace themselves. */
  #restarted(stream: Stream, part: Part): Part {
    const restarted = restartPart(stream, part);
    if (restarted === null) throw this.#unexpected('cursor-keeps-expiring');
    return restarted;
  }

  #unexpected(code: string): ProviderError {
    return new ProviderError({ provider: this.#options.scope.provider, kind: 'unexpected-response', code });
  }

  /** Compares one page of readings with what the venue has. */
  async #compare({ after }: At<'comparing'>): Promise<Step> {
    const { scope, store } = this.#options;
    const page = await store.listReadings(scope, { after, limit: READINGS_A_PAGE });
    const doubtful = page.filter((one) => this.#isDoubtful(one)).map(({ externalId }) => externalId);
    const { facts, unreadable } = await this.#lookUp(doubtful);
    const asRead = page.filter(({ externalId }) => !doubtful.includes(externalId));
    const there = new Map([...asRead.map(({ externalId, there: fact }) => [externalId, fact] as const), ...facts]);
    const last = page.at(-1);
    return this.#commit(there, {
      checkpoint: last ? { kind: 'comparing', after: last.externalId } : { kind: 'looking-up', after: null },
      unreadable,
    });
  }

  /** The venue's side has changed since the list was read, so the reading may be the older one. */
  #isDoubtful(one: Comparable): boolean {
    return one.changedSince && differenceOf(one, this.#options.scope.days) !== null;
  }

  /**
   * Looks up the venue's transactions that no list told: an object may be older than the lists reach back, or may have
   * come after they were read.
   */
  async #lookUpUntold({ after }: At<'looking-up'>): Promise<Step> {
    const { scope, store } = this.#options;
    const page = await store.listUntold(scope, { after, limit: LOOK_UPS_A_PAGE });
    const ofTheDays = page.filter(({ occurredAt }) => scope.days.dayOf(Date.parse(occurredAt)) !== null);
    const { facts, unreadable } = await this.#lookUp(ofTheDays.map(({ externalId }) => externalId));
    const last = page.at(-1);
    return this.#commit(facts, {
      checkpoint: last
        ? { kind: 'looking-up', after: { occurredAt: last.occurredAt, id: last.recordId } }
        : { kind: 'done' },
      unreadable,
    });
  }

  async #commit(
    there: ReadonlyMap<string, TransactionFact | null>,
    at: { readonly checkpoint: ReconciliationCheckpoint; readonly unreadable: number },
  ): Promise<Step> {
    const { scope, store, takeCalls } = this.#options;
    const progress = await store.commitCompared(scope, { ...at, there, providerCalls: takeCalls() });
    return { checkpoint: at.checkpoint, progress };
  }

  async #lookUp(externalIds: readonly string[]): Promise<LookedUp> {
    const { session, fieldMapping } = this.#options;
    const parts = await fewAtATime(lookUpParts(session, externalIds), LOOK_UPS_AT_ONCE, async (part) =>
      [...(await lookUpPart(session, part))].map(([externalId, { record, rejection }]) => {
        const fact = record && factOf(record, fieldMapping);
        return rejection || fact === 'unmappable' ? null : ([externalId, fact] as const);
      }),
    );
    const answers = parts.flat();
    const readable = answers.filter((answer) => answer !== null);
    return { facts: new Map(readable), unreadable: answers.length - readable.length };
  }
}

const again = (parts: readonly Part[], part: Part): Step => ({
  checkpoint: { kind: 'reading', parts: [part, ...parts.slice(1)] },
  progress: null,
});
