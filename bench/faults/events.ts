import { API_VERSION } from '../../sandbox/stripe/events/event.ts';
import type { StripeAccount } from '../../test/support/sandbox/stripe-account.ts';
import type { System } from '../../test/support/worlds/system.ts';
import { fewAtATime } from '../../providers/http/few-at-a-time.ts';
import type { Plan } from './plan.ts';

/** A customer of the stand-in Stripe in the last state that the events tell of. */
export interface Customer {
  readonly id: string;
  readonly object: object;
  /** Null when it is deleted in the end. */
  readonly lastName: string | null;
}

/** A venue with its account at the stand-in Stripe. */
export interface Account {
  readonly id: string;
  readonly venueId: string;
  readonly connectionId: string;
  readonly provider: StripeAccount;
}

export interface Ground {
  readonly accounts: readonly Account[];
  readonly customers: readonly Customer[];
  /** When the first event was created, in seconds since the epoch. */
  readonly since: number;
}

/** Names are recognised in logs by this. */
const nameOf = (event: number): string => `Change ${event} of a secret guest`;
export const SECRETS = /of a secret guest|whsec_|sk_test_/;

const CALLS_AT_ONCE = 8;
const OLD_VERSION = '2014-12-22';

/** Connects accounts of venues that pull customers, then makes the customers as the events leave them. */
export async function prepareGround(system: System, plan: Plan): Promise<Ground> {
  await system.stripe.limits({ requestsPerSecond: 0 });
  const accounts: Account[] = [];
  for (let each = 0; each < plan.accounts; each += 1) {
    const [provider, venueId] = [await system.stripe.addAccount(), await system.api.createVenue()];
    const { id: connectionId } = await system.api.connect(venueId, provider.secretKey);
    await system.api.sync(venueId, { connectionId, direction: 'pull' });
    accounts.push({ id: provider.id, venueId, connectionId, provider });
  }
  const made = await fewAtATime([...plan.customers.entries()], CALLS_AT_ONCE, ([customer, account]) =>
    makeCustomer(plan, customer, accounts[account]!.provider),
  );
  const lastSecond = plan.events.at(-1)?.second ?? 0;
  return { accounts, customers: made, since: Math.floor(Date.now() / 1_000) - lastSecond };
}

async function makeCustomer(plan: Plan, customer: number, provider: StripeAccount): Promise<Customer> {
  const last = plan.lastOf[customer] ?? null;
  const name = last === null ? 'Nobody' : nameOf(last);
  const object = await provider.call('POST', 'customers', { name });
  const isDeleted = last !== null && plan.events[last]?.what === 'deleted';
  if (isDeleted) await provider.call('DELETE', `customers/${object.id}`);
  return { id: object.id, object, lastName: isDeleted || last === null ? null : name };
}

export const eventIdOf = ({ size }: Plan, number: number): string => `evt_${size.seed}_${number}`;

/** An event as Stripe delivers it. A poisoned one has an object that no adapter can read. */
export function eventBody(plan: Plan, { accounts, customers, since }: Ground, number: number): string {
  const event = plan.events[number]!;
  const { object } = customers[event.customer]!;
  return JSON.stringify({
    id: eventIdOf(plan, number),
    object: 'event',
    type: event.what === 'deleted' ? 'customer.deleted' : 'customer.updated',
    api_version: event.isOld ? OLD_VERSION : API_VERSION,
    livemode: false,
    account: accounts[event.account]!.id,
    created: since + event.second,
    data: { object: event.what === 'poison' ? { object: 'customer' } : { ...object, name: nameOf(number) } },
  });
}
