import os from 'node:os';

/**
 * One line of a benchmark's table: what was measured, the goal, and whether it was met (null when there is no goal).
 */
export interface Row {
  readonly what: string;
  readonly goal: string | null;
  readonly met: boolean | null;
  readonly [figure: string]: string | number | boolean | null;
}

export interface Report {
  readonly bench: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: { readonly node: string; readonly cpu: string; readonly cores: number };
  /** One-minute load average before the first and after the last measurement. */
  readonly load: { readonly before: number; readonly after: number };
  readonly rows: readonly Row[];
}

/** Runs one benchmark and records the conditions of the run. */
export async function measure(bench: string, work: () => Promise<readonly Row[]>): Promise<Report> {
  const startedAtMs = Date.now();
  const before = load();
  const rows = await work();
  const cpus = os.cpus();
  return {
    bench,
    startedAt: new Date(startedAtMs).toISOString(),
    seconds: round((Date.now() - startedAtMs) / 1_000),
    machine: { node: process.version, cpu: cpus[0]?.model.trim() ?? 'unknown', cores: cpus.length },
    load: { before, after: load() },
    rows,
  };
}

/** Prints a table for people and one line of JSON for programs. */
export function print(report: Report): void {
  const {
    bench,
    load: { before, after },
    machine,
    seconds,
  } = report;
  console.log(`\n${bench}: ${seconds} s, ${machine.cores} cores, load ${before} before and ${after} after`);
  console.table(
    Object.fromEntries(
      report.rows.map(({ what, goal, met, ...figures }) => [what, { ...figures, goal: goal ?? '–', met: met ?? '–' }]),
    ),
  );
  console.log(JSON.stringify(report));
}

export const load = (): number => round(os.loadavg()[0] ?? 0);

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
