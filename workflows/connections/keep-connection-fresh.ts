import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineSignal,
  defineUpdate,
  isCancellation,
  patched,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  ACCESS_REVOKED_SIGNAL,
  DISCONNECT_UPDATE,
  ENSURE_FRESH_UPDATE,
  GRANT_REPLACED_SIGNAL,
} from '../../contracts/connections.ts';
import type {
  ConnectionUpkeepActivities,
  DisconnectArgs,
  DisconnectRequest,
  DisconnectResult,
  EnsureFreshArgs,
  EnsureFreshResult,
  GrantStatus,
  KeepConnectionFreshInput,
  RenewedGrant,
} from '../../contracts/connections.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import { INTERNAL_QUEUE, PRIORITY } from '../../contracts/temporal.ts';
import { answerFrom, isKept, isRefusedForGood, resultOf } from '../../domain/grants/grant-answer.ts';
import { nextWarning, pauseAfterRound, standingWarnings, warningKey } from '../../domain/grants/grant-timing.ts';
import type { Warning } from '../../domain/grants/grant-timing.ts';
import { ConnectionView } from './connection-view.ts';
import { disconnectConnection } from './disconnecting.ts';
import { refreshGrant, tryGrant } from './token-activities.ts';

const upkeep = proxyActivities<
  Pick<ConnectionUpkeepActivities, 'readGrant' | 'noteTrouble' | 'noteRevoked' | 'warnOfDeadline'>
>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  priority: { priorityKey: PRIORITY.interactive },
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

/** Shortest time between two scheduled refreshes of a grant, whatever the clocks and the provider say. */
const SHORTEST_REFRESH_CYCLE_MS = 30_000;
/** Shortest time between two questions to the provider about one grant, however often it sends a revocation webhook. */
const SHORTEST_ASK_CYCLE_MS = 15_000;
/**
 * Pause before the provider is asked again whether an access was revoked, when it did not answer. Refreshes and
 * requests go on meanwhile.
 */
const ASK_AGAIN_AFTER_MS = 10 * 60_000;

/**
 * Token manager of one connection, the only workflow that refreshes or ends its credentials. Refreshes the token before
 * it expires, shares one refresh among everybody who needs a token, and warns before the grant expires. Ends with the
 * connection. All its state is in the database too: when an operator terminates it, the next request starts it again.
 */
export async function keepConnectionFresh(input: KeepConnectionFreshInput): Promise<void> {
  await new Owner(input).keep();
}

class Owner {
  readonly #ref: ConnectionRef;
  readonly #input: KeepConnectionFreshInput;
  readonly #view: ConnectionView;
  #grant: GrantStatus | null = null;
  #warned: readonly string[];
  /** Set while refreshes fail: nothing tries again before `untilMs`. */
  #trouble: { readonly rounds: number; readonly errorType: string | null; readonly untilMs: number } | null;
  #renewed: RenewedGrant | null;
  #notBeforeMs = 0;
  #stale = true;
  /**
   * When to ask the provider whether the access was revoked, after a revocation webhook; Infinity when there is nothing
   * to ask.
   */
  #askMs: number;
  /** The grant that the provider was last asked about, and when. */
  #asked: { readonly generation: number | null; readonly atMs: number } | null = null;
  /** Counts every change that the next step may depend on. */
  #changes = 0;
  #looking: Promise<void> | null = null;
  #refreshing: Promise<void> | null = null;
  #disconnecting: Promise<DisconnectResult> | null = null;

  constructor(input: KeepConnectionFreshInput) {
    const { venueId, connectionId, warned = [], failedRounds = 0, renewed = null, revoked = false } = input;
    this.#input = input;
    this.#ref = { venueId, connectionId };
    this.#view = new ConnectionView();
    this.#warned = warned;
    this.#trouble = failedRounds === 0 ? null : { rounds: failedRounds, errorType: null, untilMs: 0 };
    this.#renewed = renewed;
    this.#askMs = revoked ? 0 : Infinity;
    this.#listen();
  }

  #listen(): void {
    setHandler(
      defineUpdate<EnsureFreshResult, EnsureFreshArgs>(ENSURE_FRESH_UPDATE),
      (request) => this.#ensureFresh(request),
      {
        description:
          'Answers once the connection has a token that is good for `minValidMs`, and is not the one that the provider has just refused.',
      },
    );
    setHandler(
      defineUpdate<DisconnectResult, DisconnectArgs>(DISCONNECT_UPDATE),
      (request) => this.#disconnect(request),
      {
        description:
          'Ends the connection: stops its schedules and runs, revokes its access at the provider, wipes its credentials.',
      },
    );
    setHandler(
      defineSignal(GRANT_REPLACED_SIGNAL),
      () => {
        this.#stale = true;
        this.#changes += 1;
      },
      { description: 'The connection has another grant, key or state: makes its token manager read it again.' },
    );
    setHandler(
      defineSignal(ACCESS_REVOKED_SIGNAL),
      () => {
        this.#askMs = this.#soonestAskMs();
        this.#changes += 1;
      },
      {
        description:
          'A revocation webhook arrived: makes the token manager ask the provider whether the access is revoked.',
      },
    );
  }

  async keep(): Promise<void> {
    for (;;) {
      if (this.#stale || this.#grant === null) await this.#look();
      else if (this.#grant.state === 'gone') {
        await condition(allHandlersFinished);
        // A connection that was reauthorized meanwhile would be left without a token manager.
        if (!this.#isStale()) return;
      } else if (Date.now() >= this.#askMs)
        await (patched('asks-before-it-believes') ? this.#askWhetherRevoked() : this.#giveUp('revoked-at-provider'));
      else if (Date.now() >= this.#nextRefreshMs(this.#grant)) await this.#refresh();
      else await this.#rest(this.#grant);
    }
  }

  /** A method, not a stored value: a signal may arrive between two calls. */
  #isStale(): boolean {
    return this.#stale;
  }

  /** Waits until something changes or the next step is due. */
  async #rest(grant: GrantStatus): Promise<void> {
    const warning = grant.state === 'needs-reauth' ? null : nextWarning(grant.deadlines, this.#warned, Date.now());
    if (warning && warning.dueMs <= Date.now()) return this.#warn(warning);
    if (workflowInfo().continueAsNewSuggested) return this.#continueAsNew();
    const before = this.#changes;
    const changed = () => this.#changes !== before || workflowInfo().continueAsNewSuggested;
    const nextMs = Math.min(this.#nextRefreshMs(grant), warning?.dueMs ?? Infinity, this.#askMs);
    if (nextMs === Infinity) await condition(changed);
    else
      await condition(changed, nextMs - Date.now(), {
        summary: nextMs === warning?.dueMs ? 'Until the next warning' : 'Until the next refresh',
      });
  }

  /** At once, unless the provider was just asked about the same grant: a thousand webhooks may come. */
  #soonestAskMs(): number {
    if (this.#asked === null || this.#asked.generation !== this.#grant?.generation) return 0;
    const soonestMs = this.#asked.atMs + SHORTEST_ASK_CYCLE_MS;
    return soonestMs > Date.now() && patched('spaces-checks-of-access') ? soonestMs : 0;
  }

  /** Carries over only what is not read from the database again. */
  async #continueAsNew(): Promise<void> {
    await condition(allHandlersFinished);
    await continueAsNew<typeof keepConnectionFresh>({
      ...this.#ref,
      provider: this.#input.provider,
      warned: this.#warned,
      ...(this.#trouble && { failedRounds: this.#trouble.rounds }),
      ...(this.#renewed && { renewed: this.#renewed }),
      ...(this.#askMs !== Infinity && { revoked: true }),
    });
  }

  #nextRefreshMs({ state, refreshAt }: GrantStatus): number {
    if (refreshAt === null || state === 'needs-reauth' || state === 'gone') return Infinity;
    // Retries a failed refresh even before it is due, because a caller needs the token.
    return Math.max(this.#trouble?.untilMs ?? Date.parse(refreshAt), this.#notBeforeMs);
  }

  async #ensureFresh({ minValidMs, rejectedGeneration }: EnsureFreshArgs[0]): Promise<EnsureFreshResult> {
    await this.#lookIfNeeded();
    const before = answerFrom(this.#grant, { minValidMs, rejectedGeneration }, Date.now());
    if (before) return before;
    if (isRefusedForGood(this.#grant, { renewed: this.#renewed, rejectedGeneration }, Date.now())) {
      await this.#giveUp('refused');
      return this.#answerAtLast(rejectedGeneration, 'needs-reauth');
    }
    if (Date.now() >= (this.#trouble?.untilMs ?? 0)) await this.#refresh(rejectedGeneration);
    // A token that expires sooner than the caller asked for is the best that this provider gives.
    return this.#answerAtLast(rejectedGeneration, 'unavailable');
  }

  /** Answers from the current token if it is still valid, otherwise with `otherwise`. */
  #answerAtLast(rejectedGeneration: number | null, otherwise: EnsureFreshResult['status']): EnsureFreshResult {
    return (
      answerFrom(this.#grant, { minValidMs: 0, rejectedGeneration }, Date.now()) ?? resultOf(otherwise, this.#grant)
    );
  }

  /**
   * Never answers from a status that is older than a caller's knowledge: waits for a running read of the status, and
   * reads again when a signal came during it.
   */
  async #lookIfNeeded(): Promise<void> {
    if (this.#stale || !isKept(this.#grant)) await this.#look();
    while ((this.#isStale() || this.#looking) && patched('asks-wait-for-a-look')) await this.#look();
  }

  /** Concurrent callers share one read of the status. */
  #look(): Promise<void> {
    this.#looking ??= this.#readGrant().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #readGrant(): Promise<void> {
    this.#stale = false;
    this.#take(await upkeep.readGrant.executeWithOptions({ summary: 'Look at the connection' }, [this.#ref]));
  }

  /** Concurrent callers share one refresh. */
  #refresh(rejectedGeneration: number | null = null): Promise<void> {
    this.#refreshing ??= this.#refreshGrant(rejectedGeneration).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refreshGrant(rejectedGeneration: number | null): Promise<void> {
    try {
      const generation = Math.max(this.#grant?.generation ?? 0, rejectedGeneration ?? 0);
      const { grant } = await refreshGrant({
        ...this.#ref,
        provider: this.#input.provider,
        generation,
      });
      this.#trouble = null;
      this.#notBeforeMs = Date.now() + SHORTEST_REFRESH_CYCLE_MS;
      if (rejectedGeneration !== null && grant.generation !== null)
        this.#renewed = { generation: grant.generation, atMs: Date.now() };
      await this.#takeRefreshed(grant);
    } catch (error) {
      if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
      await this.#noteTrouble(error);
    }
  }

  async #takeRefreshed(grant: GrantStatus): Promise<void> {
    this.#take(grant.state === 'degraded' ? { ...grant, state: 'usable' } : grant);
    if (grant.state === 'degraded')
      await upkeep.noteTrouble.executeWithOptions({ summary: 'Well again' }, [
        { ...this.#ref, errorType: null, generation: grant.generation },
      ]);
  }

  async #noteTrouble({ cause }: ActivityFailure): Promise<void> {
    const failure =
      cause instanceof ApplicationFailure
        ? { errorType: cause.type ?? 'Internal', retryAfterMs: durationMs(cause.nextRetryDelay) }
        : { errorType: cause?.name ?? 'Internal', retryAfterMs: null };
    const rounds = (this.#trouble?.rounds ?? 0) + 1;
    this.#trouble = {
      rounds,
      errorType: failure.errorType,
      untilMs: Date.now() + pauseAfterRound(this.#ref.connectionId, { rounds, retryAfterMs: failure.retryAfterMs }),
    };
    this.#changed();
    await upkeep.noteTrouble.executeWithOptions({ summary: `Trouble: ${failure.errorType}` }, [
      { ...this.#ref, errorType: failure.errorType, generation: this.#grant?.generation ?? null },
    ]);
  }

  /** Concurrent requests share one disconnection, whatever they ask to be done with the records. */
  #disconnect(request: DisconnectRequest): Promise<DisconnectResult> {
    this.#disconnecting ??= this.#disconnectOnce(request).finally(() => {
      this.#disconnecting = null;
    });
    return this.#disconnecting;
  }

  async #disconnectOnce(request: DisconnectRequest): Promise<DisconnectResult> {
    // Waits for a running refresh, so that the token it stores is the one revoked.
    await this.#refreshing;
    const result = await disconnectConnection(this.#input, request);
    await this.#look();
    return result;
  }

  /**
   * Asks the provider whether the grant is still valid, because a revocation webhook can be late, repeated, or about
   * another token of the account: Square sends one for each token
   * (https://developer.squareup.com/docs/oauth-api/cookbook/revoke-oauth-tokens, read 2026-11-21), and the account
   * owner may have approved anew meanwhile. Comparing the webhook's time with the grant's would rely on two clocks.
   * When the provider confirms the revocation, the grant is dead and no refresh is tried.
   */
  async #askWhetherRevoked(): Promise<void> {
    this.#askMs = Infinity;
    // The cached status may describe the previous grant.
    await this.#look();
    if (!isKept(this.#grant)) return;
    this.#asked = { generation: this.#grant.generation, atMs: Date.now() };
    try {
      const { outcome, generation } = await tryGrant({
        ...this.#ref,
        provider: this.#input.provider,
      });
      if (outcome === 'refused') await this.#giveUp('revoked-at-provider', generation);
      else if (outcome === 'expired') await this.#refresh();
    } catch (error) {
      if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
      this.#askMs = Date.now() + ASK_AGAIN_AFTER_MS;
    }
  }

  async #giveUp(why: 'revoked-at-provider' | 'refused', generation = this.#grant?.generation ?? null): Promise<void> {
    this.#askMs = Infinity;
    this.#asked = null;
    await upkeep.noteRevoked.executeWithOptions({ summary: `The grant is dead: ${why}` }, [
      { ...this.#ref, generation, why },
    ]);
    await this.#look();
  }

  async #warn(warning: Warning): Promise<void> {
    const { kind, at, daysLeft } = warning;
    await upkeep.warnOfDeadline.executeWithOptions({ summary: `Warn: ${daysLeft} days left` }, [
      { ...this.#ref, kind, at, daysLeft },
    ]);
    this.#warned = [...this.#warned, warningKey(warning)];
    this.#changed();
  }

  #take(grant: GrantStatus): void {
    this.#grant = grant;
    this.#warned = standingWarnings(grant.deadlines, this.#warned, Date.now());
    this.#changed();
  }

  #changed(): void {
    this.#changes += 1;
    if (this.#grant)
      this.#view.show(this.#grant, {
        trouble: this.#trouble,
        warned: this.#warned,
        nextRefreshMs: this.#nextRefreshMs(this.#grant),
      });
  }
}

const durationMs = (duration: ApplicationFailure['nextRetryDelay']): number | null =>
  typeof duration === 'number' ? duration : null;
