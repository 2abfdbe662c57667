import type { Client, Connection } from '@temporalio/client';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createConnectionGateway } from '../../../api/temporal/connection-gateway.ts';
import type { ConnectionGateway } from '../../../api/temporal/connection-gateway.ts';
import { keepConnectionFreshWorkflowId } from '../../../contracts/connections.ts';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { awayTemporal, useTemporalClient } from '../../support/services/temporal.ts';

// No worker runs here: workflows stay as the gateway started them.
let connection: Connection;
let client: Client;
let gateway: ConnectionGateway;

beforeAll(async () => {
  const temporal = await useTemporalClient();
  ({ client, connection } = temporal);
  gateway = createConnectionGateway({ ...temporal, providerName: () => 'Square', acceptTimeoutMs: 1_000 });
});
afterAll(() => connection.close());

const aConnection = () =>
  ({ venueId: uuidv7() as VenueId, connectionId: uuidv7() as ConnectionId, provider: 'square' }) as const;

describe('the token manager of a connection', () => {
  it('is started once if it is not running, and signalled to look again', async () => {
    const ours = aConnection();
    await Promise.all([gateway.lookAgain(ours), gateway.lookAgain(ours), gateway.lookAgain(ours)]);
    const handle = client.workflow.getHandle(keepConnectionFreshWorkflowId(ours.connectionId));
    const signals =
      (await handle.fetchHistory()).events?.filter(
        (event) => event.workflowExecutionSignaledEventAttributes?.signalName === 'grantReplaced',
      ) ?? [];
    expect(signals).toHaveLength(3);
    expect(await (await handle.describe()).staticSummary()).toBe('Square: keep the connection fresh');
    await handle.terminate('test');
  });

  it('without a worker does not accept a disconnection, and the gateway says so', async () => {
    await expect(gateway.disconnect(aConnection(), { records: 'keep', requestedBy: 'alice' })).rejects.toMatchObject({
      code: 'worker-unavailable',
    });
  });
});

describe('while Temporal is away', () => {
  it('the gateway answers every request within the timeout and marks it retryable', async () => {
    const nowhere = awayTemporal();
    const away = createConnectionGateway({ ...nowhere, providerName: () => 'Square', acceptTimeoutMs: 1_000 });
    const ours = aConnection();
    await Promise.all([
      ...[away.lookAgain(ours), away.test(ours)].map((question: Promise<unknown>) =>
        expect(question).rejects.toMatchObject({ code: 'temporal-unavailable' }),
      ),
      // Temporal and the worker being away cannot be distinguished here: nothing answers.
      expect(away.disconnect(ours, { records: 'keep', requestedBy: 'alice' })).rejects.toMatchObject({ status: 503 }),
    ]);
    await nowhere.connection.close();
  }, 60_000);
});
