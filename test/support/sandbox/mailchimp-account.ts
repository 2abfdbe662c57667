import type { SandboxCall } from './sandbox-control.ts';

type WireObject = Readonly<Record<string, unknown>>;

export interface MailchimpAnswer {
  readonly status: number;
  readonly body: WireObject;
}

/** One account at the stand-in Mailchimp, as its owner and its other software use it. */
export interface MailchimpAccount {
  readonly id: string;
  readonly apiKey: string;
  /** The key of a user who may only look. */
  readonly viewerKey: string;
  /** The account's first audience. */
  readonly list: string;
  seed(resource: string, count: number): Promise<readonly string[]>;
  /** Stores objects in Mailchimp's own shape; what is left out is made up. */
  put(resource: string, objects: readonly WireObject[], list?: string): Promise<readonly string[]>;
  objects<T extends WireObject>(kind: string): Promise<readonly T[]>;
  /** Takes an object away without a trace. */
  vanish(resource: 'lists' | 'members' | 'merge-fields', id: string): Promise<unknown>;
  /** What people do at Mailchimp itself; answers its events. */
  act(act: WireObject): Promise<{ readonly events: readonly WireObject[]; readonly deliveries: readonly WireObject[] }>;
  /** One request to the first audience; `path` follows `lists/{id}`. */
  ask(method: string, path: string, body?: object): Promise<MailchimpAnswer>;
  calls(): Promise<readonly SandboxCall[]>;
}

interface Account {
  readonly id: string;
  readonly details: Readonly<Record<string, string>>;
}

/** A client of the stand-in Mailchimp's control API. Any failure fails the test. */
export function mailchimpSandboxControl({
  apiUrl,
  controlUrl,
}: {
  readonly apiUrl: string;
  readonly controlUrl: string;
}) {
  async function send<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${controlUrl}${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
  const accountOf = async ({ id, details }: Account): Promise<MailchimpAccount> => {
    const apiKey = details['apiKey'] ?? '';
    const objects = async <T extends WireObject>(kind: string) =>
      (await send<{ readonly data: readonly T[] }>('GET', `/state/${kind}?account=${id}`)).data;
    const [list] = await objects<{ readonly id: string }>('lists');
    const seed = async (body: object) =>
      (await send<{ readonly ids: readonly string[] }>('POST', '/seed', { ...body, account: id })).ids;
    const audience = list?.id ?? '';
    return {
      ...{ id, apiKey, viewerKey: details['viewerKey'] ?? '', list: audience, objects },
      seed: (resource, count) => seed({ resource, count }),
      put: (resource, given, other) => seed({ resource, objects: given, ...(other !== undefined && { list: other }) }),
      vanish: (resource, object) => send('POST', '/vanish', { resource, account: id, id: object }),
      act: (act) => send('POST', '/acts', { ...act, account: id }),
      async ask(method, path, body) {
        const response = await fetch(`${apiUrl}/3.0/lists/${audience}${path}`, {
          method,
          headers: { authorization: `Bearer ${apiKey}`, ...(body && { 'content-type': 'application/json' }) },
          ...(body && { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        return { status: response.status, body: (text.startsWith('{') ? JSON.parse(text) : { text }) as WireObject };
      },
      calls: async () =>
        (await send<{ readonly data: readonly SandboxCall[] }>('GET', `/calls?since=0&account=${id}`)).data,
    };
  };
  return {
    send,
    addAccount: async () => accountOf(await send<Account>('POST', '/accounts', {})),
    /** The accounts that remain after a reset. */
    accounts: async () =>
      Promise.all((await send<{ readonly data: readonly Account[] }>('GET', '/accounts')).data.map(accountOf)),
    fault: (fault: object) => send('POST', '/faults', fault),
    clearFaults: () => send('DELETE', '/faults'),
    limits: (limits: object) => send('POST', '/limits', limits),
    calls: async () => (await send<{ readonly data: readonly SandboxCall[] }>('GET', '/calls?since=0')).data,
    /** Sets Mailchimp's clock this far ahead of ours. */
    clock: (offsetMs: number) => send('POST', '/clock', { offsetMs }),
    reset: () => send('POST', '/reset'),
  };
}
