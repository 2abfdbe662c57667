import { Client, Connection } from '@temporalio/client';
import type { System } from './system.ts';

/** What one workflow run costs Temporal. */
export interface HistoryCost {
  readonly events: number;
  /** Actions as Temporal Cloud counts them (https://docs.temporal.io/cloud/actions, read 2026-11-21). */
  readonly actions: number;
  readonly heartbeats: number;
  readonly largestPayloadBytes: number;
  readonly historyBytes: number;
}

type HistoryEvent = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']
>[number];

/** Reads histories of a system's workflows, and sees the heartbeats that reach the server while one runs. */
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
   * Counts heartbeats until `stop` aborts. The server keeps the time of the last one only, and the SDK sends none within 16 s of
   * another, so looking twice a second misses none but one in an activity's last half second.
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

/** Start, activity, timer, signal, update and search attributes are an action each; a child workflow is two. A retry shows in the attempt. */
export function actionsOf(event: HistoryEvent): number {
  if (event.workflowExecutionStartedEventAttributes || event.activityTaskScheduledEventAttributes) return 1;
  if (event.timerStartedEventAttributes || event.workflowExecutionSignaledEventAttributes) return 1;
  if (event.upsertWorkflowSearchAttributesEventAttributes || event.workflowExecutionUpdateAcceptedEventAttributes)
    return 1;
  if (event.startChildWorkflowExecutionInitiatedEventAttributes) return 2;
  return (event.activityTaskStartedEventAttributes?.attempt ?? 1) - 1;
}

/** Bytes of every payload in an event, wherever it stands: inputs, results, failures, attributes, summaries, details. */
function* payloadSizes(value: unknown): Generator<number> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if ('data' in value && value.data instanceof Uint8Array) {
    yield value.data.byteLength;
    return;
  }
  for (const part of Object.values(value)) yield* payloadSizes(part);
}
