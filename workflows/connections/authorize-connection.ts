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
import { AUTHORIZATION_LIFE_MS, COMPLETE_AUTHORIZATION_UPDATE } from '../../contracts/connections.ts';
import type {
  AuthorizationActivities,
  AuthorizationCallback,
  AuthorizationExchangeActivities,
  AuthorizationOutcome,
  AuthorizationRefusal,
  AuthorizeConnectionInput,
  CompleteAuthorizationArgs,
} from '../../contracts/connections.ts';
import { FAILURE } from '../../contracts/failures.ts';
import { INTERNAL_QUEUE, PRIORITY, laneQueue } from '../../contracts/temporal.ts';
import { refusalFor } from '../refusals.ts';
import { showAttempt } from '../search-attributes.ts';

const steps = proxyActivities<AuthorizationActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

/**
 * One attempt to connect: waits once for the account owner to return from the provider, and makes a connection from the
 * code they bring. Cancelling it withdraws the attempt; an exchange that is already running is finished.
 */
export async function authorizeConnection(input: AuthorizeConnectionInput): Promise<AuthorizationOutcome> {
  const attempt = new Attempt(input);
  const outcome = await attempt.run();
  attempt.show(outcome.outcome === 'connected' ? 'connected' : `refused: ${outcome.code}`);
  // Keeps the workflow open until the caller of the update has its answer.
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
        // Accepts the state only once; Temporal records nothing of a rejected update. A callback that arrives while the
        // attempt is ending is told how it ended.
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
    // A callback that came at the last moment still counts.
    this.#outcome = await CancellationScope.nonCancellable(() =>
      this.#callback === null ? this.#refuse(otherwise) : this.#settle(this.#callback),
    );
    return this.#outcome;
  }

  /** Returns why there is no callback, or null when there is one. */
  async #wait(): Promise<'expired' | 'cancelled'> {
    try {
      await condition(() => this.#callback !== null, lifeMs(this.#input));
      return 'expired';
    } catch (error) {
      if (!isCancellation(error)) throw error;
      return 'cancelled';
    }
  }

  /** Shows a stage in the Web UI. Takes ids and our own words only. */
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
      // Leaves the activity more than a minute to store what the code brought while the database is away.
      startToCloseTimeout: '150 seconds',
      // A person waits in a browser: a killed worker is noticed soon, and another finds out how the exchange ended.
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

/** Time until `expiresAt`, but never longer than an attempt may live, in case the clock that set it is far off. */
function lifeMs({ expiresAt }: AuthorizeConnectionInput): number {
  const leftMs = Date.parse(expiresAt) - Date.now();
  return leftMs > 0 ? Math.min(leftMs, AUTHORIZATION_LIFE_MS) : AUTHORIZATION_LIFE_MS;
}
