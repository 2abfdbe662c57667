import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { waitForTemporal } from '../../../runtime/temporal/temporal-readiness.ts';
import { useService } from './on-demand.ts';

export interface TestTemporal {
  /** host:port */
  readonly address: string;
  /** `useTemporal`: shared by the run. `createTestNamespace`: private. */
  readonly namespace: string;
}

/** The Temporal server of the run. Use your own task queues and workflow ids, or `createTestNamespace`. */
export async function useTemporal(): Promise<TestTemporal> {
  const { address, namespace } = await useService('temporal');
  if (address === undefined || namespace === undefined) throw new Error('The shared Temporal did not say where it is');
  return { address, namespace };
}

/** A connection like that of our processes. Close it. */
export interface TestClient {
  readonly client: Client;
  readonly connection: Connection;
}

/** A client of the run's server. */
export async function useTemporalClient(): Promise<TestClient & { readonly namespace: string }> {
  const { address, namespace } = await useTemporal();
  return { ...clientAt(address, namespace), namespace };
}

/** A client of a server that does not exist. */
export const awayTemporal = (): TestClient => clientAt('127.0.0.1:1', 'default');

function clientAt(address: string, namespace: string): TestClient {
  const connection = Connection.lazy({ address });
  return { client: new Client({ connection, namespace }), connection };
}

/**
 * Creates a namespace on the shared server, with our search attributes: for tests that use the service's own queues and
 * ids.
 */
export async function createTestNamespace(): Promise<TestTemporal> {
  const { address } = await useTemporal();
  const namespace = `test-${randomBytes(4).toString('hex')}`;
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
  } finally {
    await connection.close();
  }
  await waitForTemporal({ address, namespace, limitMs: 30_000 });
  return { address, namespace };
}
