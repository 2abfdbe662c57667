import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Identifies a process for later: a process id can be reused, but not with the same start time. */
export interface ProcessMark {
  readonly pid: number;
  readonly startTime: string;
}

/** Null when there is no such process. */
export function markOf(pid: number): ProcessMark | null {
  const startTime = startTimeOf(pid);
  return startTime === null ? null : { pid, startTime };
}

/** True while the marked process itself is alive, and not another process with its id. */
export function isAlive(mark: ProcessMark): boolean {
  return startTimeOf(mark.pid) === mark.startTime;
}

/** Sends SIGTERM, then SIGKILL after `graceMs`. Returns at once when the marked process has exited. */
export async function stopProcess(
  mark: ProcessMark,
  graceMs: number,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  if (!isAlive(mark)) return;
  sendSignal(mark.pid, signal);
  if (await hasGone(mark, graceMs)) return;
  sendSignal(mark.pid, 'SIGKILL');
  await hasGone(mark, 5_000);
}

async function hasGone(mark: ProcessMark, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (isAlive(mark)) {
    if (performance.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function startTimeOf(pid: number): string | null {
  try {
    if (process.platform === 'linux') {
      // proc(5): the name in parentheses may contain anything. After it, state is field 3 and the start time field 22.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return fields[0] === 'Z' ? null : (fields[19] ?? null);
    }
    return (
      execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim() || null
    );
  } catch {
    return null;
  }
}
