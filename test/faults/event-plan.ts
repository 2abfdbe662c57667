import { drawing } from './drawing.ts';
import { KILLED } from './plan.ts';
import type { Killed } from './plan.ts';

/** Something that happens to a process while events arrive. A paused worker wakes up after others have taken over. */
export interface EventStrike {
  readonly service: Killed;
  readonly how: 'kill' | 'pause';
  readonly afterMs: number;
}

/** What happens to one customer at the provider. */
export interface PlannedChange {
  readonly customer: number;
  readonly what: 'update' | 'delete';
}

/** What happens to the delivery of one event. */
export interface PlannedDelivery {
  /** Zero: the event is lost on the way. */
  readonly times: number;
  /** Deliveries are sent in this order. */
  readonly at: number;
}

export interface EventEpisode {
  /** In the order in which they are made, for each account. */
  readonly changes: readonly (readonly PlannedChange[])[];
  readonly strikes: readonly EventStrike[];
  /** How the event of a change is delivered. `isLast`: nothing later tells of the same customer. */
  delivery(change: number, isLast: boolean): PlannedDelivery;
}

/** Customers of each account. */
export const CUSTOMERS = 12;
const LOST = 0.05;
const DELETED = 0.05;
/** How many events the delivery of one may be late. */
const LATE_BY = 30;
/** Longer than the heartbeat timeout of the drainer, so that the paused worker is given up on. */
export const PAUSE_MS = 8_000;

/** One episode, determined by the seed and its index. */
export function drawEventEpisode(
  seed: number,
  index: number,
  size: { readonly accounts: number; readonly changes: number; readonly strikes: number },
): EventEpisode {
  const draw = drawing(seed, index);
  const changes = Array.from({ length: size.accounts }, () => {
    const drawn = Array.from({ length: size.changes }, (): PlannedChange => ({
      customer: draw.between(0, CUSTOMERS - 1),
      what: draw.chance(DELETED) ? 'delete' : 'update',
    }));
    return drawn.filter(isPossible());
  });
  const services = draw.shuffled(Array.from({ length: size.strikes }, (_, each) => KILLED[each % KILLED.length]!));
  return {
    changes,
    strikes: services.map((service) => ({
      service,
      how: service === 'worker' && draw.chance(0.5) ? 'pause' : 'kill',
      afterMs: draw.between(200, 2_500),
    })),
    delivery: (change, isLast) => ({
      times: !isLast && draw.chance(LOST) ? 0 : draw.between(1, 10),
      at: change + draw.between(0, LATE_BY),
    }),
  };
}

/** Leaves out changes of a customer that is gone. */
function isPossible(): (change: PlannedChange) => boolean {
  const gone = new Set<number>();
  return ({ customer, what }) => {
    if (gone.has(customer)) return false;
    if (what === 'delete') gone.add(customer);
    return true;
  };
}
