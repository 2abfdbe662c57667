import { randomBytes } from 'node:crypto';
import type { Client, Connection } from '@temporalio/client';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthorizationGateway } from '../../../api/temporal/authorization-gateway.ts';
import type { AuthorizationGateway } from '../../../api/temporal/authorization-gateway.ts';
import { attemptOf } from '../../../api/connections/authorization-states.ts';
import { authorizeConnectionWorkflowId } from '../../../contracts/connections.ts';
import type { AuthorizeConnectionInput } from '../../../contracts/connections.ts';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { textOf } from '../../support/history.ts';
import { awayTemporal, useTemporalClient } from '../../support/services/temporal.ts';

// No worker runs here: workflows stay as the gateway started them.
let connection: Connection;
let client: Client;
let gateway: AuthorizationGateway;

beforeAll(async () => {
  const temporal = await useTemporalClient();
  ({ client, connection } = temporal);
  gateway = createAuthorizationGateway({
    ...temporal,
    providerName: () => 'Square',
    acceptTimeoutMs: 1_000,
    settleTimeoutMs: 1_000,
  });
});
afterAll(() => connection.close());

const RETURN_URL = 'https://shop.test/connected';

function anInput(changes: Partial<AuthorizeConnectionInput> = {}): AuthorizeConnectionInput {
  const ref = { venueId: uuidv7() as VenueId, connectionId: uuidv7() as ConnectionId };
  const asked = {
    provider: 'square',
    environment: 'sandbox',
    flow: 'code',
    redirectUri: 'https://interlock.test/oauth/square/callback',
    reauthorize: false,
    requestedBy: 'alice',
  } as const;
  return {
    ...ref,
    ...asked,
    sealedVerifier: randomBytes(100).toString('base64'),
    expiresAt: new Date(Date.now() + 600_000).toISOString(),
    ...changes,
  };
}

async function anAttempt(input = anInput(), returnUrl: string | null = RETURN_URL) {
  const state = randomBytes(32).toString('base64url');
  const attempt = attemptOf(state);
  await gateway.begin(attempt, input, returnUrl);
  return { state, attempt, input, handle: client.workflow.getHandle(authorizeConnectionWorkflowId(attempt)) };
}

describe('an attempt to connect', () => {
  it('starts with its details for the Web UI, none of which can complete it', async () => {
    const { state, attempt, input, handle } = await anAttempt();
    const description = await handle.describe();
    expect(await description.staticSummary()).toBe('Square: connect (code)');
    expect(description.priority).toMatchObject({ priorityKey: 1, fairnessKey: input.venueId });
    const attributes = Object.fromEntries(
      description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
    );
    expect(attributes).toMatchObject({
      VenueId: input.venueId,
      ConnectionId: input.connectionId,
      Provider: 'square',
      Phase: 'connecting',
      NeedsAttention: false,
    });
    const shown = textOf([description.raw, await handle.fetchHistory()]);
    expect(shown).toContain(attempt);
    expect(shown).not.toContain(state);
  });

  it('is found with what the callback needs, with a return URL and without', async () => {
    const [there, nowhere] = [await anAttempt(), await anAttempt(anInput(), null)];
    const { venueId, connectionId } = there.input;
    expect(await gateway.find(there.attempt)).toEqual({
      venueId,
      connectionId,
      provider: 'square',
      returnUrl: RETURN_URL,
      state: 'open',
      outcome: null,
    });
    expect(await gateway.find(nowhere.attempt)).toMatchObject({ returnUrl: null });
    expect(await gateway.find(attemptOf('another state'))).toBeNull();
  });

  it('starts once, however often the start is sent', async () => {
    const { attempt, input, handle } = await anAttempt();
    const { runId } = await handle.describe();
    await gateway.begin(attempt, input, RETURN_URL);
    expect((await handle.describe()).runId).toBe(runId);
  });

  it('without a worker is reported as that, and stays open', async () => {
    const { attempt } = await anAttempt();
    await expect(gateway.complete(attempt, { kind: 'denied' })).rejects.toMatchObject({ code: 'worker-unavailable' });
    expect(await gateway.find(attempt)).toMatchObject({ state: 'open' });
  });

  it('that was terminated from outside has failed, and its state is used up', async () => {
    const { attempt, handle } = await anAttempt();
    await handle.terminate('test');
    expect(await gateway.find(attempt)).toMatchObject({ state: 'failed', outcome: null });
    expect(await gateway.complete(attempt, { kind: 'denied' })).toEqual({ kind: 'used' });
    expect(await gateway.complete(attemptOf('never begun'), { kind: 'denied' })).toEqual({ kind: 'used' });
  });

  it('is withdrawn with its connection, and no other is', async () => {
    const input = anInput();
    const [one, two, other] = [await anAttempt(input), await anAttempt(input), await anAttempt()];
    const cancelled = async ({ handle }: typeof one) =>
      (await handle.fetchHistory()).events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes) ??
      false;
    // The list of workflows lags a moment behind the workflows.
    await expect
      .poll(async () => {
        await gateway.withdraw(input.connectionId);
        return [await cancelled(one), await cancelled(two)];
      })
      .toEqual([true, true]);
    expect(await cancelled(other)).toBe(false);
  });
});

describe('while Temporal is away', () => {
  it('the gateway answers every request within the timeout and marks it retryable', async () => {
    const nowhere = awayTemporal();
    const away = createAuthorizationGateway({ ...nowhere, providerName: () => 'Square', acceptTimeoutMs: 1_000 });
    const asked = [away.begin('a', anInput(), null), away.find('a'), away.withdraw(uuidv7() as ConnectionId)];
    await Promise.all([
      ...asked.map((question: Promise<unknown>) =>
        expect(question).rejects.toMatchObject({ code: 'temporal-unavailable' }),
      ),
      // Temporal and the worker being away cannot be distinguished here: nothing answers.
      expect(away.complete('a', { kind: 'denied' })).rejects.toMatchObject({ status: 503 }),
    ]);
    await nowhere.connection.close();
  }, 60_000);
});
