import type { temporal } from '@temporalio/proto';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';

export type History = temporal.api.history.v1.IHistory;
type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** Every payload and every other byte field of a history or description. */
export function bytesIn(value: unknown): readonly Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(bytesIn);
}

/** All readable text of a history or description: texts, names, and decoded payloads. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return `${value}\n`;
  if (value instanceof Uint8Array) return `${Buffer.from(value).toString('utf8')}\n`;
  if (value instanceof Map) return textOf([...(value as Map<unknown, unknown>).entries()]);
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([name, item]) => `${name}\n${textOf(item)}`)
    .join('');
}

/** The types of the scheduled activities, in order. */
export function activitiesIn(events: readonly HistoryEvent[] | null | undefined): readonly string[] {
  return (events ?? []).flatMap(
    ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name ?? [],
  );
}

/** The SDK sends a heartbeat at once, then one per 0.8 of the heartbeat timeout. */
const HEARTBEAT_SHARE = 0.8;

/**
 * Billable actions of one run: its start, each activity and each further attempt, timers, signals, updates,
 * continue-as-new, search-attribute upserts, and at most as many heartbeats as can have reached the server
 * (https://docs.temporal.io/cloud/actions). Queries leave no trace in a history; the service sends none.
 */
export function countActions(history: History): number {
  const events = history.events ?? [];
  return events.reduce((sum, event) => sum + actionsOf(event, events), 0);
}

function actionsOf(event: HistoryEvent, events: readonly HistoryEvent[]): number {
  const single = [
    event.workflowExecutionStartedEventAttributes,
    event.activityTaskScheduledEventAttributes,
    event.timerStartedEventAttributes,
    event.workflowExecutionSignaledEventAttributes,
    event.workflowExecutionUpdateAcceptedEventAttributes,
    event.upsertWorkflowSearchAttributesEventAttributes,
    event.workflowExecutionContinuedAsNewEventAttributes,
  ];
  if (single.some((attributes) => attributes != null)) return 1;
  const started = event.activityTaskStartedEventAttributes;
  return started == null ? 0 : (started.attempt ?? 1) - 1 + heartbeatsOf(event, events);
}

function heartbeatsOf(started: HistoryEvent, events: readonly HistoryEvent[]): number {
  const scheduledId = started.activityTaskStartedEventAttributes?.scheduledEventId;
  const scheduled = events.find(
    ({ eventId }) => eventId?.toString() === scheduledId?.toString(),
  )?.activityTaskScheduledEventAttributes;
  const timeoutMs = Number(scheduled?.heartbeatTimeout?.seconds ?? 0) * 1_000;
  if (timeoutMs === 0) return 0;
  const closed = events.find((event) => endOf(event)?.startedEventId?.toString() === started.eventId?.toString());
  const durationMs = closed === undefined ? 0 : timeOf(closed) - timeOf(started);
  return 1 + Math.floor(durationMs / (timeoutMs * HEARTBEAT_SHARE));
}

const endOf = (event: HistoryEvent) =>
  event.activityTaskCompletedEventAttributes ??
  event.activityTaskFailedEventAttributes ??
  event.activityTaskCanceledEventAttributes ??
  event.activityTaskTimedOutEventAttributes;

const timeOf = ({ eventTime }: HistoryEvent): number =>
  Number(eventTime?.seconds ?? 0) * 1_000 + (eventTime?.nanos ?? 0) / 1_000_000;

/** A history recorded by `record-history.ts`. */
export function parseHistory(text: string): History {
  return historyFromJSON(JSON.parse(text));
}
