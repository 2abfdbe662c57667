/** A client of a sandbox's control API. Any failure fails the test. */
export interface SandboxCall {
  readonly at: number;
  readonly answeredAt: number;
  readonly method: string;
  readonly path: string;
  /** The query without its question mark. */
  readonly query: string;
  readonly status: number;
  readonly idempotencyKey: string | null;
  readonly written: boolean;
  /** The kind of the fault that struck it. */
  readonly fault: string | null;
}

export function sandboxControl(controlUrl: string) {
  async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${controlUrl}${path}`, {
      method,
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
  return {
    seed: (body: object) => send('POST', '/seed', body),
    fault: (body: object) => send('POST', '/faults', body),
    clearFaults: () => send('DELETE', '/faults'),
    /** Sets Stripe's clock this far ahead of ours. */
    clock: (offsetMs: number) => send('POST', '/clock', { offsetMs }),
    limits: (body: object) => send('POST', '/limits', body),
    reset: () => send('POST', '/reset'),
    addAccount: () => send<{ readonly id: string; readonly secretKey: string }>('POST', '/accounts', {}),
    async calls(since = 0): Promise<readonly SandboxCall[]> {
      return (await send<{ readonly data: readonly SandboxCall[] }>('GET', `/calls?since=${since}`)).data;
    },
    async writes(since = 0): Promise<readonly SandboxCall[]> {
      return (await this.calls(since)).filter(({ written }) => written);
    },
    async customers<T extends { readonly id: string }>(): Promise<readonly T[]> {
      return (await send<{ readonly data: readonly T[] }>('GET', '/state/customers')).data;
    },
  };
}
