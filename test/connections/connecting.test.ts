import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { createAuthorizingActivities } from '../../activities/connections/authorize-connection.ts';
import type { AuthorizeConnectionInput } from '../../contracts/connections.ts';
import type { VenueId } from '../../contracts/ids.ts';
import { AUTHORIZATION_LIFE_MS } from '../../contracts/connections.ts';
import type { ConnectionWorld, StartedAttempt } from '../support/worlds/connection-world.ts';
import { until } from '../support/eventually.ts';
import { activitiesIn } from '../support/history.ts';
import { useConnectionWorld } from './connection-suite.ts';

const TOKEN_PATH = '/oauth2/token';

describe('an attempt to connect', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  useConnectionWorld((given, newVenue) => {
    world = given;
    venueId = newVenue;
  });

  const square = () => world.control.square;
  const exchanges = async (since: number) =>
    (await square().calls(since)).filter(
      ({ path, grantType }) => path === TOKEN_PATH && grantType === 'authorization_code',
    );
  const steps = async ({ handle }: StartedAttempt) => activitiesIn((await handle.fetchHistory()).events);
  /** Checks that nothing is left of the attempt that could be taken for a connection. */
  async function expectNothing(attempt: StartedAttempt, cause: RegExp) {
    expect(await world.connectionOf(attempt)).toMatchObject({
      state: 'disconnected',
      cause: expect.stringMatching(cause) as string,
      account: null,
    });
    expect(await world.credentialsOf(attempt.connectionId)).toEqual({ keys: 0, grants: 0, generation: null });
  }

  it('is used once: a second callback with the same state changes nothing', async () => {
    const { outcome, ...attempt } = await world.connect(venueId, 'square', { account: 'new' });
    expect(outcome).toMatchObject({ outcome: 'connected' });
    const before = await world.connectionOf(attempt);
    const since = Date.now();
    expect(await world.complete(attempt, { kind: 'denied' })).toBe('used');
    expect(await world.connectionOf(attempt)).toEqual(before);
    expect(await square().calls(since)).toEqual([]);
  });

  it('accepts one of two concurrent callbacks, and exchanges one code', async () => {
    const attempt = await world.begin(venueId, 'square');
    const callback = await world.approve(attempt, 'new');
    const since = Date.now();
    const outcomes = await Promise.all([world.complete(attempt, callback), world.complete(attempt, callback)]);
    expect(outcomes.filter((outcome) => outcome === 'used')).toHaveLength(1);
    expect(outcomes).toContainEqual({ outcome: 'connected', connectionId: attempt.connectionId });
    expect(await exchanges(since)).toHaveLength(1);
  });

  it('ends when its time is up, and accepts no callback after that', async () => {
    const attempt = await world.begin(venueId, 'square', { agoMs: AUTHORIZATION_LIFE_MS - 1_500 });
    const callback = await world.approve(attempt, 'new');
    expect(await attempt.handle.result()).toEqual({
      outcome: 'refused',
      connectionId: attempt.connectionId,
      code: 'expired',
    });
    const since = Date.now();
    expect(await world.complete(attempt, callback)).toBe('used');
    expect(await exchanges(since)).toEqual([]);
    await expectNothing(attempt, /ten minutes/);
  });

  it.each([-1, 1])('lives ten minutes even when the API’s clock is off by %i times that', async (sign) => {
    const attempt = await world.begin(venueId, 'square', { agoMs: sign * AUTHORIZATION_LIFE_MS });
    const { events = [] } = await attempt.handle.fetchHistory();
    const timers = (events ?? []).flatMap(({ timerStartedEventAttributes: timer }) =>
      timer ? [Number(timer.startToFireTimeout?.seconds)] : [],
    );
    const [seconds = 0] = timers.length > 0 ? timers : [AUTHORIZATION_LIFE_MS / 1_000];
    expect(seconds).toBeLessThanOrEqual(AUTHORIZATION_LIFE_MS / 1_000);
    expect(await world.complete(attempt, await world.approve(attempt, 'new'))).toMatchObject({ outcome: 'connected' });
  });

  it('ends when the account owner refuses', async () => {
    const attempt = await world.begin(venueId, 'square');
    const { redirectUrl } = await square().deny(attempt.authorizationUrl);
    expect(await world.complete(attempt, await world.cameBack(attempt, redirectUrl))).toMatchObject({
      outcome: 'refused',
      code: 'denied',
    });
    await expectNothing(attempt, /not approved/);
    expect(await world.audit(venueId)).toContain('connection.refused');
  });

  it('does not connect with a code that another attempt has used', async () => {
    const first = await world.begin(venueId, 'square');
    const { redirectUrl } = await square().approve(first.authorizationUrl, 'new');
    expect(await world.complete(first, await world.cameBack(first, redirectUrl))).toMatchObject({
      outcome: 'connected',
    });
    const second = await world.begin(venueId, 'square');
    expect(await world.complete(second, await world.cameBack(second, redirectUrl))).toMatchObject({
      outcome: 'refused',
      code: 'code-refused',
    });
    await expectNothing(second, /did not accept the code/);
  });

  it('does not open a code sealed for another venue, and makes no provider call', async () => {
    const theirs = await world.begin(await world.aVenue(), 'square');
    const stolen = await world.approve(theirs, 'new');
    const attempt = await world.begin(venueId, 'square');
    const since = Date.now();
    expect(await world.complete(attempt, stolen)).toMatchObject({ outcome: 'refused', code: 'vault-unavailable' });
    expect(await square().calls(since)).toEqual([]);
    await expectNothing(attempt, /not stored/);
    expect(await world.complete(theirs, stolen)).toMatchObject({ outcome: 'connected' });
  });

  it('connects nothing when the account belongs to another environment than requested', async () => {
    const attempt = await world.begin(venueId, 'stripe', { flow: 'connect', environment: 'production' });
    expect(await world.complete(attempt, await world.approve(attempt, 'new'))).toMatchObject({
      outcome: 'refused',
      code: 'environment-mismatch',
    });
    await expectNothing(attempt, /other environment/);
  });

  it('ends when it is withdrawn, and a later approval connects nothing', async () => {
    const attempt = await world.begin(venueId, 'square');
    await attempt.handle.cancel();
    expect(await attempt.handle.result()).toMatchObject({ outcome: 'refused', code: 'cancelled' });
    expect(await world.complete(attempt, await world.approve(attempt, 'new'))).toBe('used');
    await expectNothing(attempt, /withdrawn/);
  });

  it('tells a callback that arrives during its withdrawal that it was withdrawn, and exchanges nothing', async () => {
    const attempt = await world.begin(venueId, 'square');
    const callback = await world.approve(attempt, 'new');
    const since = Date.now();
    // The end of the attempt cannot be written while the row is locked.
    const { completion } = await world.database.admin.begin(async (tx) => {
      await tx`select id from connections where id = ${attempt.connectionId} for update`;
      await attempt.handle.cancel();
      await until(async () => (await steps(attempt)).includes('refuseAuthorization'), {
        limitMs: 20_000,
        what: 'the attempt is being ended',
      });
      const completion = world.complete(attempt, callback);
      await until(
        async () =>
          (await attempt.handle.fetchHistory()).events?.some(
            (event) => event.workflowExecutionUpdateAcceptedEventAttributes,
          ) ?? false,
        { limitMs: 20_000, what: 'the callback was taken' },
      );
      return { completion };
    });
    expect(await completion).toMatchObject({ outcome: 'refused', code: 'cancelled' });
    expect(await exchanges(since)).toEqual([]);
    await expectNothing(attempt, /withdrawn/);
  });

  it('connects nothing when its connection was disconnected meanwhile', async () => {
    const attempt = await world.begin(venueId, 'square');
    await world.disconnect(attempt);
    expect(await world.complete(attempt, await world.approve(attempt, 'new'))).toMatchObject({
      outcome: 'refused',
      code: 'cancelled',
    });
    await expectNothing(attempt, /isconnected/);
  });

  it('is only delayed while no worker is running', async () => {
    const attempt = await world.begin(venueId, 'square');
    const callback = await world.approve(attempt, 'new');
    await world.workers.stop();
    const completion = world.authorizationGateway.complete(attempt.attempt, callback).catch((error: unknown) => error);
    await world.workers.start();
    await completion;
    expect(await attempt.handle.result()).toMatchObject({ outcome: 'connected' });
    expect(await world.connectionOf(attempt)).toMatchObject({ state: 'active' });
    // Longer than Temporal may keep an activity that it gave to the worker that was just stopping: 30 seconds.
  }, 120_000);

  it('connects after a provider outage that came before the code was used', async () => {
    const attempt = await world.begin(venueId, 'square');
    const callback = await world.approve(attempt, 'new');
    await square().fault({ match: { path: TOKEN_PATH }, kind: 'status', status: 503, times: 2 });
    expect(await world.complete(attempt, callback)).toMatchObject({ outcome: 'connected' });
  });

  it('ends at once when the provider does not know our app', async () => {
    const attempt = await world.begin(venueId, 'quickbooks');
    const callback = await world.approve(attempt, 'new');
    const path = '/oauth2/v1/tokens/bearer';
    await world.control.quickbooks.fault({ match: { path }, kind: 'status', status: 401, code: 'invalid_client' });
    const since = Date.now();
    expect(await world.complete(attempt, callback)).toMatchObject({ outcome: 'refused', code: 'app-refused' });
    expect((await world.control.quickbooks.calls(since)).filter((call) => call.path === path)).toHaveLength(1);
    await expectNothing(attempt, /this installation’s own app/);
  });

  it('connects although the provider is away when it is asked for the account', async () => {
    const attempt = await world.begin(venueId, 'square');
    const callback = await world.approve(attempt, 'new');
    await square().fault({ match: { method: 'GET' }, kind: 'status', status: 503, times: 3 });
    const since = Date.now();
    expect(await world.complete(attempt, callback)).toMatchObject({ outcome: 'connected' });
    expect(await exchanges(since)).toHaveLength(1);
  });

  it('whose exchange got no answer reports that, sends the code only once, and leaves nothing half-connected', async () => {
    const attempt = await world.begin(venueId, 'square');
    const callback = await world.approve(attempt, 'new');
    await square().fault({ match: { path: TOKEN_PATH }, kind: 'commit-then-fail', times: 1 });
    const since = Date.now();
    expect(await world.complete(attempt, callback)).toMatchObject({ outcome: 'refused', code: 'answer-lost' });
    expect(await exchanges(since)).toHaveLength(1);
    await expectNothing(attempt, /the answer was lost/);
  });

  it('whose code was used up behind a provider error reports that the answer was lost', async () => {
    const attempt = await world.begin(venueId, 'square');
    const callback = await world.approve(attempt, 'new');
    await square().fault({ match: { path: TOKEN_PATH }, kind: 'commit-then-fail', status: 502, times: 1 });
    expect(await world.complete(attempt, callback)).toMatchObject({ outcome: 'refused', code: 'answer-lost' });
    await expectNothing(attempt, /the answer was lost/);
  });

  it('whose exchange is repeated after it was stored gives the same result, and makes no provider call', async () => {
    const attempt = await world.begin(venueId, 'square');
    const callback = await world.approve(attempt, 'new');
    if (callback.kind !== 'approved') throw new Error('the owner approves');
    const [{ input } = { input: null }] = await inputsOf(attempt);
    const again = () => {
      const environment = new MockActivityEnvironment({
        workflowExecution: { workflowId: attempt.handle.workflowId, runId: 'r' },
      });
      return environment.run(createAuthorizingActivities(world.deps).exchangeAuthorization, {
        ...(input as AuthorizeConnectionInput),
        callback,
      });
    };
    const first = await again();
    const since = Date.now();
    expect(await again()).toEqual(first);
    expect(first).toEqual({ outcome: 'connected', connectionId: attempt.connectionId });
    expect(await square().calls(since)).toEqual([]);
    // Simulates an exchange that Temporal gave up on although it completed.
    expect(await world.complete(attempt, callback)).toEqual(first);
    expect(await world.credentialsOf(attempt.connectionId)).toEqual({ keys: 0, grants: 1, generation: 1 });
  });

  it.each([
    ['stripe', 'connect'],
    ['stripe', 'app'],
    ['square', 'code'],
    ['square', 'pkce'],
    ['quickbooks', 'code'],
    ['mailchimp', 'code'],
  ] as const)(
    'ends with an active connection that has its account, its scopes and a token manager: %s, %s',
    async (provider, flow) => {
      const attempt = await world.connect(venueId, provider, { flow, account: 'new' });
      expect(attempt.outcome).toEqual({ outcome: 'connected', connectionId: attempt.connectionId });
      const connection = await world.connectionOf(attempt);
      expect(connection).toMatchObject({ state: 'active', cause: null, nextAction: null, provider, flow });
      expect(connection.account?.id).toBeTruthy();
      expect(await world.credentialsOf(attempt.connectionId)).toEqual({ keys: 0, grants: 1, generation: 1 });
      expect((await world.owner(attempt.connectionId).describe()).status.name).toBe('RUNNING');
    },
  );

  async function inputsOf({ handle }: StartedAttempt) {
    const { events } = await handle.fetchHistory();
    return (events ?? []).flatMap(({ workflowExecutionStartedEventAttributes: start }) =>
      (start?.input?.payloads ?? []).map(({ data }) => ({
        input: JSON.parse(Buffer.from(data ?? []).toString()) as unknown,
      })),
    );
  }
});
