import { isDatabaseAway } from '../../db/core/outage.ts';
import type { InboxStore, ReceivedEvent } from '../../db/webhooks/inbox-store.ts';

/**
 * Stores the events of one delivery. When it resolves, they are committed. Answers for each whether it is new. Throws
 * what the store throws.
 */
export type KeepDelivery = (events: readonly ReceivedEvent[]) => Promise<readonly boolean[]>;

export interface GroupLimits {
  readonly deliveries: number;
  /** Of the bodies: a statement holds each of them twice, as text. */
  readonly bytes: number;
}

const LIMITS: GroupLimits = { deliveries: 128, bytes: 2_097_152 };

interface Waiting {
  readonly events: readonly ReceivedEvent[];
  readonly bytes: number;
  readonly resolve: (isNew: readonly boolean[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * How long after one statement has begun the next one begins, in milliseconds. A statement and its commit cost Postgres
 * as much as ten events in it. The faster it commits, the fewer would share a statement without the pause.
 */
export const STORE_EVERY_MS = 2;
/**
 * So many deliveries wait for no more. Senders that each wait for an answer send no faster than they get answers: with
 * the pause alone, 32 of them would leave processors idle, half of them waiting in each statement.
 */
export const ENOUGH = 10;

/**
 * Groups deliveries that arrive while one is being committed, or until `everyMs` after it has begun, or until `ENOUGH`
 * wait: they share the next statement and its commit. A delivery that comes later than that is stored at once, so that
 * grouping delays nobody who comes alone.
 */
export function createGroupedInbox(
  { keep }: Pick<InboxStore, 'keep'>,
  limits: GroupLimits = LIMITS,
  everyMs = 0,
): KeepDelivery {
  const waiting: Waiting[] = [];
  let isCommitting = false;
  let beganAtMs = -Infinity;
  const enough = Math.min(ENOUGH, limits.deliveries);
  let stopWaiting: (() => void) | null = null;

  /** Resolves after this time, or as soon as enough deliveries wait. */
  async function gather(forMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, forMs);
      stopWaiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    stopWaiting = null;
  }

  async function commitAll(): Promise<void> {
    if (isCommitting) return;
    isCommitting = true;
    while (waiting.length > 0) {
      const restMs = beganAtMs + everyMs - performance.now();
      if (restMs > 0 && waiting.length < enough) await gather(restMs);
      beganAtMs = performance.now();
      await commit(keep, nextGroup(waiting, limits));
    }
    isCommitting = false;
  }

  return (events) =>
    new Promise((resolve, reject) => {
      const bytes = events.reduce((sum, { body }) => sum + body.length, 0);
      waiting.push({ events, bytes, resolve, reject });
      if (waiting.length >= enough) stopWaiting?.();
      void commitAll();
    });
}

/** Takes the deliveries that come next, at least one unless none waits. */
function nextGroup(waiting: Waiting[], limits: GroupLimits): readonly Waiting[] {
  let bytes = 0;
  const end = waiting.findIndex((delivery, index) => {
    bytes += delivery.bytes;
    return index > 0 && (index >= limits.deliveries || bytes > limits.bytes);
  });
  return waiting.splice(0, end < 0 ? waiting.length : end);
}

/** Never throws: each delivery gets its own outcome. */
async function commit(keep: InboxStore['keep'], group: readonly Waiting[]): Promise<void> {
  try {
    const isNew = await keep(group.flatMap(({ events }) => events));
    let from = 0;
    for (const { events, resolve } of group) {
      resolve(isNew.slice(from, from + events.length));
      from += events.length;
    }
  } catch (error) {
    const [first, ...others] = group;
    if (others.length === 0 || isDatabaseAway(error)) for (const { reject } of group) reject(error);
    // Postgres refused the statement for one of the rows: alone, every other delivery is stored.
    else for (const delivery of [first, ...others]) if (delivery) await commit(keep, [delivery]);
  }
}
