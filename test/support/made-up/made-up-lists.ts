import type { CustomerFields } from '../../../records/customers.ts';
import type { Limit } from '../../../contracts/providers.ts';
import type { Budget } from '../../../providers/limits/budget.ts';
import { changeFeed, pageCursor } from '../../../domain/sync/pull/pull-plan.ts';
import { concurrent, perSecond } from '../../../providers/limits/limits.ts';
import { stripe } from '../../../providers/stripe/index.ts';
import type { SetUpProvider } from '../../../providers/http/pipeline.ts';
import { createPipeline } from '../../../providers/http/pipeline.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import type {
  ListQuery,
  ProviderAdapter,
  ProviderPage,
  ProviderRecord,
  PullPlan,
  ResourceSession,
} from '../../../providers/provider.ts';
import type { Providers } from '../../../providers/providers.ts';
import { readOnlyMapping } from '../../../providers/read-only-mapping.ts';

export const PAGE_SIZE = 10;

/** A plan whose changes begin anew when their cursor has expired, and whose people may vanish. */
export const planOf = (...listing: PullPlan['listing']): PullPlan => ({
  listing,
  changes: changeFeed([[pageCursor('changes', { afterExpiry: { from: 'start' } })]], {
    reachS: null,
    overlapS: 600,
    handOffOverlapS: 5,
  }),
  mayVanish: true,
});

interface Person {
  readonly id: string;
  readonly name: string;
  /** The time of the last change, in seconds that the list counts itself. */
  readonly changedEpochS: number;
}

/** A fault that a made-up list returns in place of a page, or before one. */
export type Oddity = (page: ProviderPage, query: ListQuery) => ProviderPage | Promise<ProviderPage>;

/**
 * A provider's people in memory, as three lists: `people-by-cursor` by one opaque cursor in the order of the last
 * change, `people-by-offset` in an order that the test decides, `people-by-creation` newest first. Besides them
 * `changes` since a moment, `changes-by-token` since a token, and `ids`.
 */
export class MadeUpLists {
  plan: PullPlan = { listing: [], changes: null, mayVanish: true };
  limits: readonly Limit[] = [perSecond(1_000), concurrent(8)];
  /** Every requested page. */
  readonly asked: ListQuery[] = [];
  /** The order of `people-by-offset`. */
  order: string[] = [];
  /** What the provider tells of its newest change. */
  newestChange: () => Promise<number | null> = () => Promise.resolve(null);
  /** Ids that exist but are omitted from every list. */
  readonly hidden = new Set<string>();
  /** Ids of people who are gone, each with whom its look-up answers instead. */
  readonly replacedBy = new Map<string, string>();
  readonly #people = new Map<string, Person>();
  readonly #oddities: { readonly nth: number; readonly oddity: Oddity }[] = [];
  #clock = 0;
  #generation = 0;
  #pages = 0;

  reset(plan: PullPlan, count: number): void {
    this.plan = plan;
    this.limits = [perSecond(1_000), concurrent(8)];
    this.#people.clear();
    this.#oddities.length = 0;
    this.asked.length = 0;
    this.order = [];
    this.newestChange = () => Promise.resolve(null);
    this.hidden.clear();
    this.replacedBy.clear();
    this.#generation = 0;
    this.#clock = Math.floor(Date.now() / 1_000) - 100_000;
    for (let index = 0; index < count; index += 1) this.put(`p-${String(index).padStart(4, '0')}`);
  }

  get ids(): readonly string[] {
    return [...this.#people.keys()].sort();
  }

  put(id: string, name = `Person ${id}`, { first = false } = {}): void {
    this.#clock += 1;
    if (!this.#people.has(id)) this.order = first ? [id, ...this.order] : [...this.order, id];
    this.#people.delete(id);
    this.#people.set(id, { id, name, changedEpochS: this.#clock });
  }

  /** Later changes carry the new time. */
  passTime(): void {
    this.#clock = Math.floor(Date.now() / 1_000);
  }

  remove(...ids: readonly string[]): void {
    for (const id of ids) this.#people.delete(id);
    this.order = this.order.filter((id) => !ids.includes(id));
  }

  /** Refuses every cursor and token that was handed out before. */
  expireCursors(): void {
    this.#generation += 1;
  }

  /** Applies a fault to the nth page requested from now on, counted from 1. */
  onPage(nth: number, oddity: Oddity): void {
    this.#oddities.push({ nth: this.#pages + nth, oddity });
  }

  get cursor(): string {
    return `token-${this.#generation}-${this.#clock}`;
  }

  async listPage(query: ListQuery): Promise<ProviderPage> {
    this.asked.push(query);
    this.#pages += 1;
    const nth = this.#pages;
    let answered = this.page(query);
    for (const { oddity } of this.#oddities.filter((one) => one.nth === nth)) answered = await oddity(answered, query);
    return answered;
  }

  retrieve(externalId: string): ProviderRecord | null {
    const person = this.#people.get(this.replacedBy.get(externalId) ?? externalId);
    return person ? toRecord(person) : null;
  }

  /** The page without faults and without a counted call. */
  page(query: ListQuery): ProviderPage {
    switch (query.stream) {
      case 'people-by-cursor':
        return this.#byCursor(query);
      case 'people-by-offset':
        return this.#byOffset(query, [...this.order]);
      case 'people-by-creation':
        return this.#byCreation(query);
      case 'changes':
        return this.#byCursor(query);
      case 'changes-by-token':
        return this.#sinceToken(query);
      case 'ids':
        return { ...this.#byOffset(query, this.ids), records: [] };
      default:
        throw new Error(`no list ${query.stream}`);
    }
  }

  #listed(): readonly Person[] {
    return [...this.#people.values()].filter(({ id }) => !this.hidden.has(id));
  }

  #byCursor({ fromEpochS, after }: ListQuery): ProviderPage {
    const { generation, epochS } = (after ?? { generation: this.#generation, epochS: 0 }) as {
      readonly generation: number;
      readonly epochS: number;
    };
    if (generation !== this.#generation) throw refusedCursor();
    const rest = this.#listed().filter(
      ({ changedEpochS }) => changedEpochS >= (fromEpochS ?? 0) && changedEpochS > epochS,
    );
    const page = rest.slice(0, PAGE_SIZE);
    const last = page.at(-1);
    return toPage(page, rest.length > page.length && last ? { generation, epochS: last.changedEpochS } : null);
  }

  #byOffset({ after }: ListQuery, order: readonly string[]): ProviderPage {
    const start = Number(after ?? 0);
    const listed = order.filter((id) => !this.hidden.has(id));
    const page = listed.slice(start, start + PAGE_SIZE).flatMap((id) => this.#people.get(id) ?? []);
    return toPage(page, start + PAGE_SIZE < listed.length ? start + page.length : null);
  }

  #byCreation({ fromEpochS, toEpochS, after }: ListQuery): ProviderPage {
    const newestFirst = this.#listed().toReversed();
    const start = after === null ? 0 : newestFirst.findIndex(({ id }) => id === after) + 1;
    const rest = newestFirst
      .slice(start)
      .filter(({ changedEpochS }) => changedEpochS < toEpochS && changedEpochS >= (fromEpochS ?? 0));
    const page = rest.slice(0, PAGE_SIZE);
    return toPage(page, rest.length > page.length ? (page.at(-1)?.id ?? null) : null);
  }

  /** All changes on one page: only the token matters. Without a token it is the listing. */
  #sinceToken({ after }: ListQuery): ProviderPage {
    const [, generation, epochS] = typeof after === 'string' ? after.split('-').map(Number) : [0, this.#generation, 0];
    if (generation !== this.#generation) throw refusedCursor();
    const changed = this.#listed().filter(({ changedEpochS }) => changedEpochS > (epochS ?? 0));
    return { ...toPage(changed, null), feedCursor: this.cursor };
  }
}

/** Square's wording (https://github.com/PostHog/posthog/pull/71332, read 2026-11-28). */
const refusedCursor = () =>
  new ProviderError({ provider: 'stripe', kind: 'rejected', httpStatus: 400, code: 'INVALID_CURSOR' });
export const isCursorGone = ({ code }: { readonly code?: string | undefined }): boolean => code === 'INVALID_CURSOR';

function toPage(people: readonly Person[], after: ProviderPage['after']): ProviderPage {
  return {
    records: people.map(toRecord),
    after,
    pageSize: PAGE_SIZE,
    positions: people.map(({ id, changedEpochS }) => ({ id, atEpochS: changedEpochS })),
  };
}

function toRecord({ id, name, changedEpochS }: Person): ProviderRecord {
  const fields: CustomerFields = {
    name,
    email: null,
    phone: null,
    address: null,
    marketingConsent: null,
    metadata: {},
  };
  return { externalId: id, version: changedEpochS * 1_000, deleted: false, recordId: null, fields };
}

/** A provider with these lists alone, behind the real pipeline. */
export const madeUpProviders =
  (lists: MadeUpLists) =>
  (budget: Budget): Providers =>
    createPipeline({ providers: [setUpOf(adapterOf(lists))], budget });

/** An adapter that replaces Stripe's. */
export const setUpOf = (adapter: ProviderAdapter): SetUpProvider => ({
  definition: stripe,
  adapter,
  flows: [],
  missing: [],
  accounts: null,
  webhooks: null,
  requestsPerSecond: null,
});

export function adapterOf(lists: MadeUpLists): ProviderAdapter {
  return {
    id: 'stripe',
    capabilities: {
      provider: 'stripe',
      displayName: 'Made up',
      reports: [],
      resources: [{ resource: 'customers', directions: ['pull'] }],
      connect: ['api-key'],
      get limits() {
        return { sandbox: lists.limits, production: lists.limits };
      },
    },
    open: ({ call }) => {
      const session: ResourceSession = {
        listPage: (query) => call(() => lists.listPage(query)),
        count: () => Promise.resolve(null),
        versionOf: () => Number.MAX_SAFE_INTEGER - 1,
        retrieve: (externalId) => call(() => Promise.resolve(lists.retrieve(externalId))),
        writer: null,
      };
      return {
        account: () => Promise.reject(new Error('nobody asks whose account it is')),
        newestChangeEpochS: () => lists.newestChange(),
        resource: () => session,
      };
    },
    mapping: () => readOnlyMapping,
    pullPlan: () => lists.plan,
  };
}
