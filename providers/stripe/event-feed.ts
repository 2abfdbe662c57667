import type { Stripe } from 'stripe';
import { z } from 'zod';
import type { EventFeed } from '../provider.ts';
import { PAGE_SIZE } from './customers/names.ts';
import { CHANGE_EVENTS } from './event-changes.ts';
import { createdWithin, isCursorGone, nextAfter, startingAfter } from './http/lists.ts';
import type { Ask } from './http/requests.ts';
import { listSchema } from './http/responses.ts';

/** Most types that one call may name (https://docs.stripe.com/api/events/list, read 2026-11-29). */
const TYPES_A_CALL = 20;
const GROUPS: readonly (readonly string[])[] = Array.from(
  { length: Math.ceil(CHANGE_EVENTS.length / TYPES_A_CALL) },
  (_, index) => CHANGE_EVENTS.slice(index * TYPES_A_CALL, (index + 1) * TYPES_A_CALL),
);

const placeSchema = z.object({ group: z.int().min(0), after: z.string().nullable() });
const listedPage = listSchema(z.looseObject({ id: z.string().min(1), type: z.string().min(1) }));

/**
 * Stripe's list of events. It is read whether or not Stripe says that an event was delivered (`delivery_success`): what
 * was acknowledged may have been lost all the same. The types are read in groups, one after another.
 */
export const createEventFeed = (stripe: Stripe, ask: Ask): EventFeed => ({
  async listPage({ fromEpochS, toEpochS, after: place }) {
    const { group, after } = placeSchema.safeParse(place).data ?? { group: 0, after: null };
    const types = [...(GROUPS[group] ?? [])];
    const range = { limit: PAGE_SIZE, created: createdWithin({ fromEpochS, toEpochS }), ...startingAfter(after) };
    const page = await ask(listedPage, () => stripe.events.list({ ...range, types }));
    const next = nextAfter(page);
    const isLast = next === null && group + 1 >= GROUPS.length;
    return {
      events: page.data.map((body) => ({ id: body.id, type: body.type, body })),
      after: isLast ? null : { group: next === null ? group + 1 : group, after: next },
    };
  },
  isCursorGone,
});
