import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that can be recognised later: ids are handed out again, a start time with the same id is not. */
export interface ProcessMark {
  readonly pid: number;
  readonly startTime: string;
}

/** Null when there is no such process. */
export function markOf(pid: number): ProcessMark | null {
  const startTime = startTimeOf(pid);
  return startTime === null ? null : { pid, startTime };
}

/** True while the very process that was marked is alive, not another that has its id now. */
export function isAlive(mark: ProcessMark): boolean {
  return startTimeOf(mark.pid) === mark.startTime;
}

/** SIGTERM, then SIGKILL after `graceMs`. Returns at once when the marked process is gone already. */
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
      // proc(5): the name in parentheses may hold anything; after it, state is field 3 and the start time field 22.
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
