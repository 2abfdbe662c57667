import { setTimeout as delay } from 'node:timers/promises';
import type { PulledRecord } from '../../../db/pull/pulled-record.ts';
import type { PullEnvironment } from './pull-context.ts';

type Environment = Pick<PullEnvironment, 'pulls' | 'scope' | 'session'>;

/** Longer than a call takes at most, unless its provider hangs. */
const LONGEST_WAIT_MS = 15_000;
const LOOK_EVERY_MS = 100;

/**
 * Objects of a page may be those that a push of the same connection has just created. Where objects carry no id of ours,
 * they would become records of their own, so their page is stored after the answers to the creations.
 */
export class OwnCreations {
  readonly #environment: Environment;
  /** Answers that did not come are lost, and no further page waits for them. */
  #areLost = false;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Resolves when no answer is missing that may be about one of these records. */
  async settled(records: readonly PulledRecord[]): Promise<void> {
    const { pulls, scope, session } = this.#environment;
    if (scope.dryRun === true || session.writer === null || session.writer.tellsRecordId === true) return;
    const externalIds = records.flatMap(({ externalId, recordId, deleted }) =>
      recordId === null && !deleted ? [externalId] : [],
    );
    if (externalIds.length === 0) return;
    const deadlineMs = performance.now() + LONGEST_WAIT_MS;
    let asOf: string | null = null;
    while (!this.#areLost) {
      const found = await pulls.readAwaited(scope, { externalIds, asOf });
      if (!found.isAwaited) return;
      asOf = found.asOf;
      this.#areLost = performance.now() > deadlineMs;
      await delay(LOOK_EVERY_MS);
    }
  }
}
