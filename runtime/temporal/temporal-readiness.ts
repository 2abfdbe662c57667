import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../contracts/temporal.ts';
import { messageOf } from '../start/start-error.ts';

/** `IndexedValueType` of Temporal's API: https://github.com/temporalio/api/blob/master/temporal/api/enums/v1/common.proto (read 2026-11-21). */
const INDEXED_VALUE_TYPE = { Keyword: 2, Bool: 5 } as const;

/**
 * Waits until the server serves the namespace and knows our search attributes, registering missing ones.
 * The development server's `--search-attribute` registers them only in a new database file.
 * @throws Error with the last reason after `limitMs`.
 */
export async function waitForTemporal(options: {
  address: string;
  namespace: string;
  limitMs: number;
  stop?: AbortSignal;
}): Promise<void> {
  const { address, namespace, limitMs, stop } = options;
  const deadline = performance.now() + limitMs;
  const connection = Connection.lazy({ address });
  try {
    await until(() => answerOf(connection, () => connection.workflowService.describeNamespace({ namespace })), {
      deadline,
      stop,
    });
    const missing = await registerMissing(connection, namespace);
    if (missing.length > 0) {
      // A registered attribute is not yet usable: the server refreshes its view of a namespace every few seconds.
      const query = missing.map((name) => `${name} IS NULL`).join(' AND ');
      await until(
        () => answerOf(connection, () => connection.workflowService.countWorkflowExecutions({ namespace, query })),
        { deadline, stop },
      );
    }
  } finally {
    await connection.close().catch(() => undefined);
  }
}

async function registerMissing(connection: Connection, namespace: string): Promise<readonly string[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in customAttributes));
  if (missing.length === 0) return [];
  const searchAttributes = Object.fromEntries(missing.map(([name, type]) => [name, INDEXED_VALUE_TYPE[type]]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  return missing.map(([name]) => name);
}

/** Without a deadline the client retries a call for far too long. */
function answerOf<Answer>(connection: Connection, call: () => Promise<Answer>): Promise<Answer> {
  return connection.withDeadline(Date.now() + 3_000, call);
}

async function until(
  attempt: () => Promise<unknown>,
  bound: { deadline: number; stop: AbortSignal | undefined },
): Promise<void> {
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      bound.stop?.throwIfAborted();
      if (performance.now() > bound.deadline)
        throw new Error(`Temporal does not answer: ${messageOf(error)}`, { cause: error });
      await sleep(100);
    }
  }
}
