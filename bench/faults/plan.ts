import { drawing } from '../../test/faults/drawing.ts';
import type { Draw } from '../../test/faults/drawing.ts';

export interface PlanSize {
  readonly events: number;
  readonly faults: number;
  readonly seed: number;
}

/** One event of a customer, or one that nobody can apply. Its number is its place in the order of creation. */
export interface PlannedEvent {
  readonly account: number;
  /** Of all accounts. */
  readonly customer: number;
  readonly what: 'updated' | 'deleted' | 'poison';
  /** Seconds after the first event. */
  readonly second: number;
  /** In an old API version: the service reads the customer again, and trusts nothing of the event. */
  readonly isOld: boolean;
  /** Zero: the event is lost on the way. */
  readonly times: number;
}

/** What happens to the processes while events arrive. Which one is meant depends on what is tested. */
export const FAULTS = [
  'kill-api',
  'kill-worker',
  'pause-worker',
  'kill-postgres',
  'kill-queue',
  'pause-queue',
  'lose-wake-up',
  'kill-worker-and-postgres',
  'provider-down',
] as const;
export type FaultKind = (typeof FAULTS)[number];

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Strikes when this share of the deliveries is on its way. */
  readonly at: number;
  /** For a process that is paused. */
  readonly pauseMs: number;
}

export interface Plan {
  readonly size: PlanSize;
  readonly accounts: number;
  /** The account of each customer. */
  readonly customers: readonly number[];
  /** In the order of creation. */
  readonly events: readonly PlannedEvent[];
  /** Numbers of events in the order of delivery, some several times. */
  readonly deliveries: readonly number[];
  readonly faults: readonly PlannedFault[];
  /** The number of the event that tells the last of each customer; null for one without events. */
  readonly lastOf: readonly (number | null)[];
}

const ACCOUNTS = 4;
const EVENTS_PER_CUSTOMER = 100;
const EVENTS_PER_SECOND = 10;
const SHARES = { lost: 0.05, deleted: 0.002, poison: 0.002, old: 0.01, sameSecond: 0.05, repeated: 0.1 };
const MOST_DELIVERIES = 10;
/** How many deliveries the one of an event may be late. */
const LATE_BY = 300;
/** Longer than the heartbeat timeout of the drainer, so that a paused worker is given up on and wakes as a zombie. */
const PAUSE_MS = 8_000;
/** The first pause of a run. */
const LONG_PAUSE_MS = 60_000;

/** A run that depends on nothing but its size and its seed. */
export function drawPlan(size: PlanSize): Plan {
  const draw = drawing(size.seed, 0);
  const count = Math.max(ACCOUNTS * 5, Math.ceil(size.events / EVENTS_PER_CUSTOMER));
  const customers = Array.from({ length: count }, (_, each) => each % ACCOUNTS);
  const told = drawEvents(draw, size.events, customers);
  const lastOf: (number | null)[] = customers.map(() => null);
  for (const [number, { customer, what }] of told.entries()) if (what !== 'poison') lastOf[customer] = number;
  const events = told.map((event, number) => ({
    ...event,
    times: timesOf(draw, event, lastOf[event.customer] === number),
  }));
  return {
    ...{ size, accounts: ACCOUNTS, customers, events, lastOf },
    deliveries: orderDeliveries(draw, events),
    faults: drawFaults(drawing(size.seed, 1), size.faults),
  };
}

/** A customer that is deleted has no later events. */
function drawEvents(draw: Draw, count: number, customers: readonly number[]): readonly Omit<PlannedEvent, 'times'>[] {
  const events: Omit<PlannedEvent, 'times'>[] = [];
  const alive = customers.map((_, customer) => customer);
  while (events.length < count) {
    const before = events.at(-1);
    const repeats = before?.what === 'updated' && draw.chance(SHARES.sameSecond);
    const place = draw.between(0, alive.length - 1);
    const customer = repeats ? before.customer : alive[place]!;
    const what = draw.chance(SHARES.poison) ? 'poison' : kindOf(draw, alive.length);
    if (what === 'deleted') alive.splice(alive.indexOf(customer), 1);
    const second = repeats ? before.second : Math.floor(events.length / EVENTS_PER_SECOND);
    events.push({ account: customers[customer]!, customer, what, second, isOld: draw.chance(SHARES.old) });
  }
  return events;
}

/** Leaves some customers of each account alive. */
const kindOf = (draw: Draw, alive: number): 'updated' | 'deleted' =>
  draw.chance(SHARES.deleted) && alive > ACCOUNTS * 3 ? 'deleted' : 'updated';

/** The last event of a customer is never lost: nothing later tells the same. */
function timesOf(draw: Draw, { what }: Omit<PlannedEvent, 'times'>, isLast: boolean): number {
  if (what !== 'poison' && !isLast && draw.chance(SHARES.lost)) return 0;
  return draw.chance(SHARES.repeated) ? draw.between(2, MOST_DELIVERIES) : 1;
}

function orderDeliveries(draw: Draw, events: readonly PlannedEvent[]): readonly number[] {
  const due = events.flatMap(({ times }, number) =>
    Array.from({ length: times }, () => [number, number + draw.between(0, LATE_BY)] as const),
  );
  return due.sort(([, one], [, other]) => one - other).map(([number]) => number);
}

function drawFaults(draw: Draw, count: number): readonly PlannedFault[] {
  const kinds = draw.shuffled(Array.from({ length: count }, (_, each) => FAULTS[each % FAULTS.length]!));
  const firstPause = kinds.indexOf('pause-queue');
  return kinds.map((kind, each) => ({
    kind,
    at: (each + draw.share()) / count,
    pauseMs: each === firstPause ? LONG_PAUSE_MS : PAUSE_MS,
  }));
}
