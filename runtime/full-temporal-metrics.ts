import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { STACK_FOLDER } from './full-temporal-stack.ts';

const dashboard = z.object({ panels: z.array(z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })).default([]) })) });

/** The metrics that the Grafana dashboard asks for, without those of Prometheus itself. */
export function dashboardMetrics(): readonly string[] {
  const { panels } = dashboard.parse(JSON.parse(readFileSync(path.join(STACK_FOLDER, 'grafana', 'dashboards', 'temporal.json'), 'utf8')));
  const names = panels.flatMap(({ targets }) => targets).flatMap(({ expr }) => metricsIn(expr));
  return [...new Set(names)].filter((name) => name !== 'up').sort();
}

/** A name followed by `{`: every expression of ours gives labels to each of its metrics. */
export function metricsIn(expression: string): readonly string[] {
  return [...expression.matchAll(/([a-z_][a-z0-9_]*)\{/g)].map(([, name = '']) => name);
}

/** Names of all that a Prometheus endpoint offers. */
export async function metricsAt(url: string): Promise<ReadonlySet<string>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  return new Set([...text.matchAll(/^([a-z_][a-z0-9_]*)[{ ]/gm)].map(([, name = '']) => name));
}
