import { isDeepStrictEqual } from 'node:util';
import { registry } from '../../telemetry/metrics.ts';

/**
 * The value of the series that has exactly these labels, or 0 before it exists. Metrics belong to the process, which
 * runs many test files: another series of the same metric may come first and share a label.
 */
export async function metricValue(metric: string, labels: Readonly<Record<string, string>>): Promise<number> {
  const { values } = await registry.getSingleMetric(metric)!.get();
  return values.find((value) => isDeepStrictEqual({ ...value.labels }, labels))?.value ?? 0;
}
