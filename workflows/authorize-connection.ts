import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  defineUpdate,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import { AUTHORIZATION_LIFE_MS, COMPLETE_AUTHORIZATION_UPDATE } from '../contracts/connections.ts';
import type {
  AuthorizationActivities,
  AuthorizationCallback,
  AuthorizationExchangeActivities,
  AuthorizationOutcome,
  AuthorizationRefusal,
  AuthorizeConnectionInput,
  CompleteAuthorizationArgs,
} from '../contracts/connections.ts';
import { FAILURE } from '../contracts/failures.ts';
import { INTERNAL_QUEUE, PRIORITY, laneQueue } from '../contracts/temporal.ts';
import { refusalFor } from './refusals.ts';
import { showAttempt } from './search-attributes.ts';

const steps = proxyActivities<AuthorizationActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

/**
 * One attempt to connect: waits for the venue's owner to come back from the provider, once, and makes a connection of what they bring.
 * Cancelling it withdraws the attempt; a code that is being exchanged at that moment is exchanged to its end.
 */
export async function authorizeConnection(input: AuthorizeConnectionInput): Promise<AuthorizationOutcome> {
  const attempt = new Attempt(input);
  const outcome = await attempt.run();
  attempt.show(outcome.outcome === 'connected' ? 'connected' : `refused: ${outcome.code}`);
  // Whoever brought the callback waits for what became of it.
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  return outcome;
}

class Attempt {
  readonly #input: AuthorizeConnectionInput;
  #open = true;
  #callback: AuthorizationCallback | null = null;
  #outcome: AuthorizationOutcome | null = null;

  constructor(input: AuthorizeConnectionInput) {
    this.#input = input;
    setHandler(
      defineUpdate<AuthorizationOutcome, CompleteAuthorizationArgs>(COMPLETE_AUTHORIZATION_UPDATE),
      (callback) => this.#complete(callback),
      {
        // The state works once. Nothing of a refused update enters the history. Who comes while the attempt is being ended
        // is told how that ends.
        validator: (_callback: AuthorizationCallback) => {
          if (this.#callback !== null)
            throw ApplicationFailure.nonRetryable('this attempt to connect has been used', FAILURE.authorizationUsed);
        },
        description: 'What the provider sent the venue’s owner back with. Only the callback of the API can make one.',
      },
    );
  }

  async run(): Promise<AuthorizationOutcome> {
    this.show('waits for the owner to approve at the provider');
    const otherwise = await this.#wait();
    this.#open = false;
    // A callback that came at the last moment counts.
    this.#outcome = await CancellationScope.nonCancellable(() =>
      this.#callback === null ? this.#refuse(otherwise) : this.#settle(this.#callback),
    );
    return this.#outcome;
  }

  /** Why there is no callback, if there is none. */
  async #wait(): Promise<'expired' | 'cancelled'> {
    try {
      await condition(() => this.#callback !== null, lifeMs(this.#input));
      return 'expired';
    } catch (error) {
      if (!isCancellation(error)) throw error;
      return 'cancelled';
    }
  }

  /** For the Web UI: ids and words of ours only. */
  show(stage: string): void {
    const { provider, environment, flow, connectionId, expiresAt, reauthorize } = this.#input;
    setCurrentDetails(
      [
        `| attempt to ${reauthorize ? 're-authorise' : 'connect'} | ${stage} |`,
        '| --- | --- |',
        `| provider | ${provider}, ${environment}, ${flow} |`,
        `| connection | ${connectionId} |`,
        `| open until | ${expiresAt} |`,
      ].join('\n'),
    );
  }

  async #complete(callback: AuthorizationCallback): Promise<AuthorizationOutcome> {
    if (this.#open) this.#callback = callback;
    await CancellationScope.nonCancellable(() => condition(() => this.#outcome !== null));
    if (this.#outcome === null) throw new Error('an attempt ends with an outcome');
    return this.#outcome;
  }

  async #settle(callback: AuthorizationCallback): Promise<AuthorizationOutcome> {
    if (callback.kind === 'denied') return this.#refuse('denied');
    this.show('exchanges the code');
    const outcome = await this.#exchange(callback);
    return outcome.outcome === 'connected' ? this.#adopt(outcome) : this.#refuse(outcome.code);
  }

  async #adopt(outcome: AuthorizationOutcome): Promise<AuthorizationOutcome> {
    const { venueId, provider } = this.#input;
    await steps.adoptConnection.executeWithOptions({ summary: 'Keep the connection fresh from now on' }, [
      { venueId, connectionId: outcome.connectionId, provider },
    ]);
    showAttempt('connected');
    return outcome;
  }

  async #exchange(
    callback: Extract<AuthorizationCallback, { readonly kind: 'approved' }>,
  ): Promise<AuthorizationOutcome> {
    const { venueId, connectionId } = this.#input;
    const { exchangeAuthorization } = proxyActivities<AuthorizationExchangeActivities>({
      taskQueue: laneQueue('interactive'),
      // What a code has brought is held for more than a minute while the database is away.
      startToCloseTimeout: '150 seconds',
      // Somebody waits in a browser: a worker that was killed is missed soon, and another finds out how the exchange ended.
      heartbeatTimeout: '8 seconds',
      scheduleToCloseTimeout: '4 minutes',
      retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
      priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
      summary: 'Exchange the code',
    });
    try {
      return await exchangeAuthorization({ ...this.#input, callback });
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      return { outcome: 'refused', connectionId, code: refusalFor(error) };
    }
  }

  async #refuse(code: AuthorizationRefusal): Promise<AuthorizationOutcome> {
    const stands = await steps.refuseAuthorization.executeWithOptions({ summary: `End the attempt: ${code}` }, [
      { ...this.#input, code },
    ]);
    if (stands.outcome === 'connected') return this.#adopt(stands);
    showAttempt(code);
    return stands;
  }
}

/** Until `expiresAt`, and by a clock that is far off from the one which set it, never longer than an attempt lives. */
function lifeMs({ expiresAt }: AuthorizeConnectionInput): number {
  const leftMs = Date.parse(expiresAt) - Date.now();
  return leftMs > 0 ? Math.min(leftMs, AUTHORIZATION_LIFE_MS) : AUTHORIZATION_LIFE_MS;
}
