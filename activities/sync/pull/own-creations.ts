import { setTimeout as delay } from 'node:timers/promises';
import type { PulledRecord } from '../../../db/pull/pulled-record.ts';
import type { PullStore } from '../../../db/pull/pull-store.ts';
import type { RunScope } from '../../../db/runs/run-scope.ts';

/** Longer than a call takes at most, unless its provider hangs. */
const LONGEST_WAIT_MS = 15_000;
const LOOK_EVERY_MS = 100;

/**
 * Objects of a page may be those that a push of the same connection has just created. Where objects carry no id of ours,
 * they would become records of their own, so their page is stored after the answers to the creations.
 */
export class OwnCreations {
  readonly #pulls: Pick<PullStore, 'readAwaited'>;
  readonly #scope: RunScope;
  /** Answers that did not come are lost, and no further page waits for them. */
  #areLost = false;

  constructor(pulls: Pick<PullStore, 'readAwaited'>, scope: RunScope) {
    this.#pulls = pulls;
    this.#scope = scope;
  }

  /** Resolves when no answer is missing that may be about one of these records. */
  async settled(records: readonly PulledRecord[]): Promise<void> {
    if (this.#scope.dryRun === true) return;
    const externalIds = records.flatMap(({ externalId, recordId, deleted }) =>
      recordId === null && !deleted ? [externalId] : [],
    );
    if (externalIds.length === 0) return;
    const deadlineMs = performance.now() + LONGEST_WAIT_MS;
    let asOf: string | null = null;
    while (!this.#areLost) {
      const found = await this.#pulls.readAwaited(this.#scope, { externalIds, asOf });
      if (!found.isAwaited) return;
      asOf = found.asOf;
      this.#areLost = performance.now() > deadlineMs;
      await delay(LOOK_EVERY_MS);
    }
  }
}
