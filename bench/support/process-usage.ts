import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in these ticks: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html. */
const TICKS_PER_SECOND = 100;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly cpuS: number;
}

/** CPU seconds used so far by each process with its living children. */
export function cpuSeconds(pids: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => read(Number(name)) ?? []);
  return Object.fromEntries(
    Object.entries(pids).map(([name, pid]) => [
      name,
      all.filter((one) => one.pid === pid || one.parent === pid).reduce((sum, { cpuS }) => sum + cpuS, 0),
    ]),
  );
}

function read(pid: number): Process | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name is in parentheses and may contain anything.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    return { pid, parent: fields[1] ?? 0, cpuS: ((fields[11] ?? 0) + (fields[12] ?? 0)) / TICKS_PER_SECOND };
  } catch {
    return null;
  }
}

/** The peak resident memory of a process in MiB. */
export const peakMib = (pid: number): number => memoryMib(pid, /^VmHWM:\s+(\d+) kB$/m);

/** The resident memory of a process in MiB. */
export const residentMib = (pid: number): number => memoryMib(pid, /^VmRSS:\s+(\d+) kB$/m);

function memoryMib(pid: number, line: RegExp): number {
  const kib = line.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib ?? NaN) / 1_024;
}
