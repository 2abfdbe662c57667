import { setTimeout as sleep } from 'node:timers/promises';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import { sendStripeEvent } from '../support/stripe-event.ts';
import type { StripeEvent } from '../support/stripe-event.ts';
import type { System } from '../support/worlds/system.ts';
import { CUSTOMERS } from './event-plan.ts';
import type { EventEpisode, PlannedChange } from './event-plan.ts';
import { persistently } from './rounds.ts';

/** A venue whose account changes at the provider. */
export interface EventAccount {
  readonly venueId: string;
  readonly connectionId: string;
  readonly account: StripeAccount;
}

const PAUSE_BEFORE_REDELIVERY_MS = 250;
/** Below the 100 a second that the stand-in allows, like Stripe: a fast machine would be refused. */
const CHANGES_PER_SECOND = 80;

/** A connected account with customers that the venue has pulled. */
export async function openAccount(system: System): Promise<EventAccount> {
  const account = await system.stripe.addAccount();
  await account.seed(CUSTOMERS);
  const venueId = await system.api.createVenue();
  const { id: connectionId } = await system.api.connect(venueId, account.secretKey);
  await system.api.sync(venueId, { connectionId, direction: 'pull' });
  return { venueId, connectionId, account };
}

/** Makes the changes at the provider one after the other, as the venue's staff would. */
export async function makeChanges({ account }: EventAccount, changes: readonly PlannedChange[]): Promise<void> {
  const ids = (await account.customers()).map(({ id }) => id);
  const startedAtMs = performance.now();
  for (const [index, { customer, what }] of changes.entries()) {
    const id = ids[customer] ?? '';
    if (what === 'delete') await account.call('DELETE', `customers/${id}`);
    else await account.call('POST', `customers/${id}`, { name: `Change ${index}` });
    await sleep(Math.max(0, startedAtMs + (index * 1_000) / CHANGES_PER_SECOND - performance.now()));
  }
}

/** The account's events about changed customers, oldest first. */
async function listEvents({ account }: EventAccount): Promise<readonly StripeEvent[]> {
  const events: StripeEvent[] = [];
  for (let after = ''; ;) {
    const { data, has_more } = await account.call<{
      readonly data: readonly StripeEvent[];
      readonly has_more: boolean;
    }>('GET', `events?limit=100&types[]=customer.updated&types[]=customer.deleted${after}`);
    events.push(...data);
    const last = data.at(-1);
    if (!has_more || !last) return events.reverse();
    after = `&starting_after=${last.id}`;
  }
}

/**
 * Delivers the account's events as the episode says: some of them never, others several times and late. A delivery that
 * is not acknowledged is sent again until it is. Returns the ids of the acknowledged events.
 */
export async function deliverEvents(
  system: System,
  of: EventAccount,
  episode: EventEpisode,
): Promise<ReadonlySet<string>> {
  const events = await listEvents(of);
  const lastOf = new Map(events.map(({ data }, index) => [data.object.id, index]));
  const deliveries = events
    .flatMap((event, index) => {
      const { times, at } = episode.delivery(index, lastOf.get(event.data.object.id) === index);
      return Array.from({ length: times }, (_, nth) => ({ event, at: at + nth }));
    })
    .sort((one, other) => one.at - other.at);
  const acknowledged = new Set<string>();
  for (const { event } of deliveries) {
    await persistently('an event is acknowledged', () => deliver(system, of, event));
    acknowledged.add(event.id);
  }
  return acknowledged;
}

async function deliver({ apiUrl, sandbox }: System, { account }: EventAccount, event: StripeEvent): Promise<void> {
  const to = { url: `${apiUrl}/webhooks/stripe`, secret: sandbox.stripe['webhookSecret'] ?? '' };
  const status = await sendStripeEvent(to, account.id, event);
  if (status === 200) return;
  await sleep(PAUSE_BEFORE_REDELIVERY_MS);
  throw new Error(`the delivery was answered ${status}`);
}
