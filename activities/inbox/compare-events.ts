import { Context, getClient } from '@temporalio/activity';
import { meaningOf, eventIdOf } from '../../providers/kit/webhook-definition.ts';
import type { ComparisonChunk, EventFeedActivities, RepairGapsInput } from '../../contracts/inbox.ts';
import type { EventFeedStore, ListedEvent } from '../../db/webhooks/event-feed-store.ts';
import type { InboxStore } from '../../db/webhooks/inbox-store.ts';
import type { OpenComparison } from '../../domain/inbox/event-comparison.ts';
import { inboxWakeUp } from '../../domain/inbox/inbox-drainer.ts';
import type { DrainInbox } from '../../domain/inbox/inbox-drainer.ts';
import { accountPartitionOf } from '../../domain/inbox/inbox-partition.ts';
import type { WebhookDefinition } from '../../providers/kit/webhook-definition.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { EventFeed, EventFeedPage } from '../../providers/provider.ts';
import type { BudgetAccount, Providers } from '../../providers/providers.ts';
import { countMissedEvents } from '../../telemetry/provider-metrics.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { guarded, interrupted } from '../failures.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { withSession } from '../provider-session.ts';
import type { ProviderSessionDeps } from '../provider-session.ts';

export interface EventFeedDeps extends ProviderSessionDeps {
  readonly providers: Pick<Providers, 'open' | 'definition'>;
  readonly eventFeeds: EventFeedStore;
  readonly inbox: Pick<InboxStore, 'markAwake'>;
  readonly log: Pick<Logger, 'warn'>;
  /** How long one call works before it returns to the workflow. */
  readonly chunkMs: number;
}

/** How often in one call a comparison may begin again because its place in the provider's list is gone. */
const MAX_RESTARTS = 3;

export function createEventFeedActivities(deps: EventFeedDeps): EventFeedActivities {
  return { compareEvents: (input) => guarded(() => withHeartbeat(() => compare(deps, input))) };
}

async function compare(deps: EventFeedDeps, input: RepairGapsInput): Promise<ComparisonChunk> {
  const definition = deps.providers.definition(input.provider)?.webhooks;
  // A version of the service whose provider has no list of events has begun this comparison.
  if (!definition || definition.feedReachMs === undefined) return { missed: 0, more: false };
  const bounds = { nowMs: Date.now(), reachMs: definition.feedReachMs };
  const open = await deps.eventFeeds.begin(input, bounds);
  if (!open) return { missed: 0, more: false };
  return withSession(deps, { connection: input, use: null, lane: 'bulk' }, ({ eventFeed }, account) => {
    if (!eventFeed) throw new Error(`the sessions of ${input.provider} have no list of events`);
    return new Comparison(deps, input, { definition, eventFeed, account }).run(open);
  });
}

interface Compared {
  readonly definition: WebhookDefinition<never>;
  readonly eventFeed: EventFeed;
  readonly account: BudgetAccount;
}

class Comparison {
  readonly #deps: EventFeedDeps;
  readonly #input: RepairGapsInput;
  readonly #with: Compared;
  #restarts = 0;

  constructor(deps: EventFeedDeps, input: RepairGapsInput, compared: Compared) {
    this.#deps = deps;
    this.#input = input;
    this.#with = compared;
  }

  async run(begun: OpenComparison): Promise<ComparisonChunk> {
    const { cancellationSignal } = Context.current();
    const deadlineMs = performance.now() + this.#deps.chunkMs;
    let missed = 0;
    for (let open: OpenComparison | null = begun; open !== null;) {
      if (cancellationSignal.aborted) throw interrupted();
      if (performance.now() >= deadlineMs) return { missed, more: true };
      const page = await this.#listPage(open);
      if (page === 'cursor-gone') open = await this.#deps.eventFeeds.restart(this.#input, open);
      else {
        const added: { readonly missed: number; readonly open: OpenComparison | null } = await this.#commit(open, page);
        missed += added.missed;
        open = added.open;
      }
    }
    return { missed, more: false };
  }

  async #listPage({ fromEpochS, toEpochS, after }: OpenComparison): Promise<EventFeedPage | 'cursor-gone'> {
    const { eventFeed } = this.#with;
    try {
      return await eventFeed.listPage({ fromEpochS, toEpochS, after });
    } catch (error) {
      const isGone = after !== null && error instanceof ProviderError && eventFeed.isCursorGone(error.details);
      if (!isGone || this.#restarts >= MAX_RESTARTS) throw error;
      this.#restarts += 1;
      return 'cursor-gone';
    }
  }

  async #commit(open: OpenComparison, page: EventFeedPage) {
    const { account } = this.#with;
    const { provider } = this.#input;
    const partition = accountPartitionOf(provider, account);
    const result = await this.#deps.eventFeeds.commitPage(this.#input, open, {
      ...{ account, partition, after: page.after },
      events: page.events.flatMap((event) => this.#listed(event)),
    });
    if (result.missed > 0) {
      countMissedEvents(provider, result.missed);
      const { connectionId } = this.#input;
      this.#deps.log.warn({ provider, connectionId, missed: result.missed }, 'events that never arrived were fetched');
      await this.#deps.inbox.markAwake([partition]);
      await getClient().workflow.signalWithStart<DrainInbox>(...inboxWakeUp(partition));
    }
    return result;
  }

  /** An event without a plausible id, or of a type that nothing is done with, is not compared. */
  #listed({ id, type, body }: EventFeedPage['events'][number]): readonly ListedEvent[] {
    const eventKey = eventIdOf(id);
    if (eventKey === null || meaningOf(this.#with.definition, type) === null) return [];
    return [{ eventKey, type, body: JSON.stringify(body) }];
  }
}
