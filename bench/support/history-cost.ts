import { Client, Connection } from '@temporalio/client';
import type { System } from './system.ts';

/** The cost of one workflow run in Temporal. */
export interface HistoryCost {
  readonly events: number;
  /** Billable actions of Temporal Cloud (https://docs.temporal.io/cloud/actions, read 2026-11-21). */
  readonly actions: number;
  readonly heartbeats: number;
  readonly largestPayloadBytes: number;
  readonly historyBytes: number;
}

type HistoryEvent = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']
>[number];

/** Reads the histories of a system's workflows, and counts the heartbeats that reach the server while one runs. */
export class HistoryReader {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async connect({ temporal }: System): Promise<HistoryReader> {
    const connection = await Connection.connect({ address: temporal.address });
    return new HistoryReader(new Client({ connection, namespace: temporal.namespace }));
  }

  async close(): Promise<void> {
    await this.#client.connection.close();
  }

  /**
   * Counts heartbeats until `stop` aborts. The server keeps only the time of the last one, and the SDK sends at most
   * one every 16 s, so polling twice a second misses at most one in an activity's last half second.
   */
  async countHeartbeats(workflowId: string, stop: AbortSignal): Promise<number> {
    const seen = new Set<string>();
    while (!stop.aborted) {
      const { raw } = await this.#client.workflow.getHandle(workflowId).describe();
      for (const { activityId, attempt, lastHeartbeatTime: at } of raw.pendingActivities ?? []) {
        if (at) seen.add(`${activityId ?? ''}/${attempt ?? 0}/${String(at.seconds)}.${at.nanos ?? 0}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    return seen.size;
  }

  async cost(
    workflowId: string,
    { runId, heartbeats }: { runId: string | null; heartbeats: number },
  ): Promise<HistoryCost> {
    const handle = this.#client.workflow.getHandle(workflowId, runId ?? undefined);
    const events = (await handle.fetchHistory()).events ?? [];
    const { raw } = await handle.describe();
    return {
      events: events.length,
      actions: events.reduce((sum, event) => sum + actionsOf(event), heartbeats),
      heartbeats,
      largestPayloadBytes: Math.max(0, ...events.flatMap((event) => [...payloadSizes(event)])),
      historyBytes: Number(raw.workflowExecutionInfo?.historySizeBytes ?? 0),
    };
  }
}

/**
 * Counts one action for a start, activity, timer, signal, update or search attribute, and two for a child workflow.
 * Retries show in the attempt.
 */
export function actionsOf(event: HistoryEvent): number {
  if (event.workflowExecutionStartedEventAttributes || event.activityTaskScheduledEventAttributes) return 1;
  if (event.timerStartedEventAttributes || event.workflowExecutionSignaledEventAttributes) return 1;
  if (event.upsertWorkflowSearchAttributesEventAttributes || event.workflowExecutionUpdateAcceptedEventAttributes)
    return 1;
  if (event.startChildWorkflowExecutionInitiatedEventAttributes) return 2;
  return (event.activityTaskStartedEventAttributes?.attempt ?? 1) - 1;
}

/** Sizes of all payloads in an event, at any depth: inputs, results, failures, attributes, summaries, details. */
function* payloadSizes(value: unknown): Generator<number> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if ('data' in value && value.data instanceof Uint8Array) {
    yield value.data.byteLength;
    return;
  }
  for (const part of Object.values(value)) yield* payloadSizes(part);
}
