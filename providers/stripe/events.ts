import type { Stripe } from 'stripe';
import { z } from 'zod';
import { fewAtATime } from '../http/few-at-a-time.ts';
import { idIn, rejectionOf } from '../items.ts';
import type { UnreadableItem } from '../items.ts';
import type { ListQuery, ProviderRejection } from '../provider.ts';
import { createdWithin, startingAfter, versionOfEvent } from './http/lists.ts';
import type { Listed } from './http/lists.ts';
import { API_VERSION, PAGE_SIZE } from './customers/names.ts';
import type { Ask } from './http/requests.ts';
import { eventSchema, listSchema, subjectIdIn } from './http/responses.ts';

/**
 * An event's object was rendered when the event was made, in the API version that its account had then, whatever
 * version asks for it (https://docs.stripe.com/api/events/list, read 2026-11-28). Versions rename fields and values:
 * before 2015-02-18 a successful charge is `paid`. So an event's object is trusted only when it has this adapter's
 * version and the shape known for it. Any other event says only that an object changed, and the object is read again.
 */
interface EventFeed<Subject> {
  readonly types: readonly string[];
  /** The object of a trusted event; null when it has to be read again. */
  readonly read: (event: RawEvent) => Subject | null;
}

export interface RawEvent {
  readonly type: string;
  /** The event has the version that this adapter speaks. */
  readonly isCurrent: boolean;
  /** The object, of any shape. */
  readonly object: unknown;
}

interface ToldEvent<Subject> {
  readonly type: string;
  readonly created: number;
  readonly object: Subject;
}

/** An object that is only known to have changed. */
export interface ChangedObject {
  readonly id: string;
  /** Its newest event, with the object of any shape. */
  readonly type: string;
  readonly object: unknown;
  readonly changedAtS: number;
}

interface EventPage<Subject> extends Listed {
  readonly told: readonly ToldEvent<Subject>[];
  /** Each object once. */
  readonly changed: readonly ChangedObject[];
}

/** Parses objects by the present schema, which has to know every value. */
export const asToday =
  <Schema extends z.ZodType>(schema: Schema) =>
  ({ isCurrent, object }: RawEvent): z.output<Schema> | null =>
    (isCurrent ? schema.safeParse(object).data : undefined) ?? null;

const eventPage = listSchema(eventSchema(z.unknown()), subjectIdIn);

/** Reads one page of the change feed with one HTTP call. */
export async function listEvents<Subject>(
  { stripe, ask }: { readonly stripe: Stripe; readonly ask: Ask },
  query: ListQuery,
  { types, read }: EventFeed<Subject>,
): Promise<EventPage<Subject>> {
  const range = { limit: PAGE_SIZE, created: createdWithin(query), ...startingAfter(query.after) };
  const page = await ask(eventPage, () => stripe.events.list({ ...range, types: [...types] }));
  const told: ToldEvent<Subject>[] = [];
  const changed = new Map<string, ChangedObject>();
  const unreadable: UnreadableItem[] = [...page.unreadable];
  for (const event of page.data) {
    const { type, created, api_version: version, data } = event;
    const object = read({ type, isCurrent: version === API_VERSION, object: data.object });
    const id = idIn(data.object);
    if (object !== null) told.push({ type, created, object });
    else if (id === null) unreadable.push({ raw: event, externalId: null, issues: 'data.object.id: expected a text' });
    // The feed is newest first, so the first event of an object is its newest.
    else if (!changed.has(id)) changed.set(id, { id, type, object: data.object, changedAtS: created });
  }
  return { ...page, unreadable, told, changed: [...changed.values()] };
}

const AT_ONCE = 4;
const MOST_REMEMBERED = 1_000;

/**
 * Reads changed objects again in their present state. A page of events may take a hundred calls and is requested again
 * when one of them is throttled. Objects already read are remembered, so that a page under a rate limit finishes.
 */
export class Rereading<Found> {
  readonly #ask: Ask;
  readonly #read: (changed: ChangedObject) => Promise<Found>;
  readonly #remembered = new Map<string, { readonly version: number; readonly found: Found }>();

  constructor(ask: Ask, read: (changed: ChangedObject) => Promise<Found>) {
    this.#ask = ask;
    this.#read = read;
  }

  /** An unreadable object becomes a rejection. */
  async readEach(
    changed: readonly ChangedObject[],
  ): Promise<{ readonly found: readonly Found[]; readonly rejections: readonly ProviderRejection[] }> {
    const rejections: ProviderRejection[] = [];
    const found = await fewAtATime(changed, AT_ONCE, async (each) => {
      try {
        return [await this.#readOne(each)];
      } catch (error) {
        rejections.push(rejectionOf(each.id, error));
        return [];
      }
    });
    return { found: found.flat(), rejections };
  }

  async #readOne(changed: ChangedObject): Promise<Found> {
    const { id, changedAtS } = changed;
    const known = this.#remembered.get(id);
    if (known && known.version > versionOfEvent(changedAtS)) return known.found;
    const askedAtMs = Date.now();
    const found = await this.#read(changed);
    this.#remembered.delete(id);
    this.#remembered.set(id, { version: this.#ask.versionOf(askedAtMs), found });
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= MOST_REMEMBERED) break;
      this.#remembered.delete(oldest);
    }
    return found;
  }
}
