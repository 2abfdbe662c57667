/** A timer that is later than this was held up by the process itself: frozen, or its machine suspended. */
const LATE_MS = 250;
/** How long an answer that has arrived meanwhile may take to be read. */
const GRACE_MS = 1_000;

export interface PatientTimeout {
  readonly signal: AbortSignal;
  /** Frees the timer of a call that is over. */
  clear(): void;
}

/**
 * Like `AbortSignal.timeout`, except after a freeze of the process beyond the time: timers come before the network
 * then, and would abort a call whose answer is there and has yet to be read. A token that works once is in none other.
 */
export function patientTimeout(timeoutMs: number): PatientTimeout {
  const controller = new AbortController();
  const dueMs = performance.now() + timeoutMs;
  const abort = () => {
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  };
  let timer = setTimeout(() => {
    if (performance.now() - dueMs <= LATE_MS) abort();
    else timer = setTimeout(abort, GRACE_MS).unref();
  }, timeoutMs).unref();
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer);
    },
  };
}
