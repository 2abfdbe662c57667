import { setTimeout as delay } from 'node:timers/promises';
import type { ProviderId } from '../../contracts/providers.ts';
import type { Budget, LeaseHolder } from './budget.ts';
import { ProviderError } from '../provider-error.ts';
import type { BatchWriter, ProviderSession, ResourceWriter } from '../provider.ts';

/** A killed holder blocks others for this long at most; the holder renews the lease while it writes. */
const LEASE_TTL_MS = 60_000;
const RENEW_EVERY_MS = 5_000;
const LOOK_EVERY_MS = 200;
/** Told to a caller that has waited in vain. Short, because the holder leaves the lease after each write. */
const RETRY_AFTER_MS = 5_000;

export interface ExclusiveWriteOptions {
  readonly provider: ProviderId;
  readonly budget: Pick<Budget, 'acquireLease' | 'renewLease' | 'releaseLease'>;
  /** Names the account in the budget. */
  readonly accountKey: string;
  readonly holder: LeaseHolder;
  /** The longest wait for writers of other sessions. After it, the write throws ProviderError `rate-limited`. */
  readonly maxWaitMs: number;
  /** Ends the wait with an AbortError. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A session whose writers keep to `ResourceWriter.exclusive`: a write waits until no session of any process writes to
 * the same part of the account.
 */
export function withExclusiveWrites(session: ProviderSession, options: ExclusiveWriteOptions): ProviderSession {
  const parts = new Map<string, ExclusivePart>();
  const partOf = (name: string): ExclusivePart => {
    const part = parts.get(name) ?? new ExclusivePart(`${options.accountKey}/${name}`, options);
    parts.set(name, part);
    return part;
  };
  return {
    ...session,
    account: () => session.account(),
    newestChangeEpochS: () => session.newestChangeEpochS(),
    resource(resource) {
      const own = session.resource(resource);
      const name = own.writer?.exclusive;
      return own.writer && name !== undefined ? { ...own, writer: writerOn(own.writer, partOf(name)) } : own;
    },
  };
}

function writerOn(writer: ResourceWriter, part: ExclusivePart): ResourceWriter {
  return {
    ...writer,
    create: (...given) => part.write(() => writer.create(...given)),
    update: (...given) => part.write(() => writer.update(...given)),
    archive: (...given) => part.write(() => writer.archive(...given)),
    ...(writer.batch && { batch: batchOn(writer.batch, part) }),
  };
}

function batchOn(batch: BatchWriter, part: ExclusivePart): BatchWriter {
  return {
    ...batch,
    create: (...given) => part.write(() => batch.create(...given)),
    update: (...given) => part.write(() => batch.update(...given)),
  };
}

/** One part of an account, such as a catalogue, as one session writes to it. */
class ExclusivePart {
  readonly #key: string;
  readonly #options: ExclusiveWriteOptions;
  /** Ends with the session's latest write. A lease has one holder, so the session's own writes queue here. */
  #last: Promise<unknown> = Promise.resolve();
  #leftAtMs = 0;

  constructor(key: string, options: ExclusiveWriteOptions) {
    this.#key = key;
    this.#options = options;
  }

  write<T>(work: () => Promise<T>): Promise<T> {
    const askedAtMs = performance.now();
    const turn = this.#last.then(() => this.#underLease(work, askedAtMs));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #underLease<T>(work: () => Promise<T>, askedAtMs: number): Promise<T> {
    const { budget, maxWaitMs } = this.#options;
    // Writes that queue behind one that waits in vain give up with it; time in which this session writes does not count.
    const leaseId = await this.#take(Math.max(askedAtMs, this.#leftAtMs) + maxWaitMs);
    const renewal = setInterval(() => {
      // The next renewal may succeed. If none does and another session takes the lease, the provider refuses one write.
      budget.renewLease(leaseId, { slots: 1, maxSlots: 1, ttlMs: LEASE_TTL_MS }).catch(() => undefined);
    }, RENEW_EVERY_MS);
    try {
      return await work();
    } finally {
      clearInterval(renewal);
      await budget.releaseLease(leaseId).catch(leaveToExpire);
      this.#leftAtMs = performance.now();
    }
  }

  /**
   * Takes the lease of the next writer before that of the writer. A session with more to write has to pass both again,
   * so it cannot take the part twice while another waits.
   */
  async #take(untilMs: number): Promise<string> {
    const nextId = await this.#wait(`${this.#key}/next`, untilMs);
    try {
      return await this.#wait(this.#key, untilMs);
    } finally {
      await this.#options.budget.releaseLease(nextId).catch(leaveToExpire);
    }
  }

  async #wait(key: string, untilMs: number): Promise<string> {
    const { budget, holder, provider, signal } = this.#options;
    for (;;) {
      const lease = await budget.acquireLease(key, { ...holder, slots: 1, maxSlots: 1, ttlMs: LEASE_TTL_MS });
      if (lease) return lease.id;
      if (performance.now() >= untilMs)
        throw new ProviderError({
          provider,
          kind: 'rate-limited',
          code: 'another-writer',
          retryAfterMs: RETRY_AFTER_MS,
        });
      await delay(LOOK_EVERY_MS, undefined, signal ? { signal } : {});
    }
  }
}

/** A lease ends by itself: a failed release must not hide what became of the write. */
const leaveToExpire = (): void => undefined;
