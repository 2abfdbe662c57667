const DELIVERY_TIMEOUT_MS = 20_000;

export interface Delivery {
  /** Null when no answer came. */
  readonly status: number | null;
  readonly body: string;
  readonly durationMs: number;
}

/**
 * Posts a webhook once and reports the response. An unreachable receiver yields a delivery without a status, not an
 * error.
 */
export async function post(
  url: string,
  { payload, headers }: { readonly payload: string; readonly headers: Readonly<Record<string, string>> },
): Promise<Delivery> {
  const startedAtMs = performance.now();
  const durationMs = () => Math.round(performance.now() - startedAtMs);
  try {
    const signal = AbortSignal.timeout(DELIVERY_TIMEOUT_MS);
    const response = await fetch(url, { method: 'POST', body: payload, headers, redirect: 'manual', signal });
    return { status: response.status, body: (await response.text()).slice(0, 10_000), durationMs: durationMs() };
  } catch (error) {
    return { status: null, body: error instanceof Error ? error.message : 'unknown error', durationMs: durationMs() };
  }
}
