import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { STACK_FOLDER } from './full-temporal-stack.ts';

const dashboard = z.object({
  panels: z.array(z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })).default([]) })),
});

/** The metrics that the Grafana dashboard asks for, without those of Prometheus itself. */
export function dashboardMetrics(): readonly string[] {
  const { panels } = dashboard.parse(
    JSON.parse(readFileSync(path.join(STACK_FOLDER, 'grafana', 'dashboards', 'temporal.json'), 'utf8')),
  );
  const names = panels.flatMap(({ targets }) => targets).flatMap(({ expr }) => metricsIn(expr));
  return [...new Set(names)].filter((name) => name !== 'up').sort();
}

/** A name followed by `{`: every expression of ours gives labels to each of its metrics. */
export function metricsIn(expression: string): readonly string[] {
  return [...expression.matchAll(/([a-z_][a-z0-9_]*)\{/g)].map(([, name = '']) => name);
}

/** The names of all metrics of a Prometheus endpoint. */
export async function metricsAt(url: string): Promise<ReadonlySet<string>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  return new Set([...text.matchAll(/^([a-z_][a-z0-9_]*)[{ ]/gm)].map(([, name = '']) => name));
}

/** `COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION` (https://github.com/temporalio/api/blob/master/temporal/api/enums/v1/command_type.proto, read 2026-11-21). */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the enum's own package is none of ours: the SDK brings it along.
const FAIL_WORKFLOW = 5 as temporal.api.enums.v1.CommandType;
const TAKES_AT_MOST_MS = 30_000;

/**
 * Fails one workflow in place of a worker: a server offers the metric of failed workflows only after the first, and
 * ours end with an outcome instead of a failure.
 */
export async function failOneWorkflow({
  address,
  namespace,
}: {
  readonly address: string;
  readonly namespace: string;
}): Promise<void> {
  const connection = await Connection.connect({ address });
  const taskQueue = { name: 'metrics-of-a-failure' };
  const { workflowService } = connection;
  try {
    await connection.withDeadline(Date.now() + TAKES_AT_MOST_MS, async () => {
      await workflowService.startWorkflowExecution({
        namespace,
        taskQueue,
        workflowId: taskQueue.name,
        workflowType: { name: 'fails' },
        requestId: taskQueue.name,
      });
      const { taskToken } = await workflowService.pollWorkflowTaskQueue({ namespace, taskQueue });
      const command = {
        commandType: FAIL_WORKFLOW,
        failWorkflowExecutionCommandAttributes: { failure: { message: 'meant to fail' } },
      };
      await workflowService.respondWorkflowTaskCompleted({ namespace, taskToken, commands: [command] });
    });
  } finally {
    await connection.close().catch(() => undefined);
  }
}
