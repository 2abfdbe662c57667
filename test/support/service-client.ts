import type { z } from 'zod';
import type { batchAnswer } from '../../api/schemas/records/batch.ts';
import type { connectionAnswer } from '../../api/schemas/connection.ts';
import type { syncAnswer, syncLogAnswer } from '../../api/schemas/sync.ts';
import type { Resource } from '../../contracts/providers.ts';
import type { RecordEnvelope, RecordLink } from '../../contracts/records.ts';
import type { CustomerFields } from '../../records/customers.ts';
import type { FieldsByKind, KindName } from './record-types.ts';
import { ApiClient } from '../../runtime/cli/api-client.ts';
import type { ApiAnswer } from '../../runtime/cli/api-client.ts';
import { until } from './eventually.ts';

export type SyncBody = z.output<typeof syncAnswer>;
export type SyncLogBody = z.output<typeof syncLogAnswer>;
export type ConnectionBody = z.output<typeof connectionAnswer>;
/** A customer in the API's form. */
export type CustomerBody = Omit<RecordEnvelope, 'createdAt' | 'updatedAt' | 'deletedAt'> &
  CustomerFields & {
    readonly deletedAt: string | null;
    readonly links: readonly (Omit<RecordLink, 'syncedAt'> & { readonly syncedAt: string | null })[];
  };
export type RecordBody<R extends KindName> = FieldsByKind[R] &
  Pick<CustomerBody, 'id' | 'venueId' | 'sourceId' | 'version' | 'deletedAt' | 'links'>;
export type BatchBody = z.output<typeof batchAnswer>;

export interface SyncOrder {
  readonly connectionId: string;
  readonly resource?: Resource;
  readonly dryRun?: boolean;
  readonly direction: 'push' | 'pull' | 'both';
  readonly mode?: 'full' | 'incremental';
  /** For a pull: records created at the provider in [from, to). */
  readonly from?: string;
  readonly to?: string;
}

export interface LiveEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A venue's backend, which uses the service over HTTP and nothing else. */
export class ServiceClient {
  readonly #baseUrl: string;
  readonly #token: string;
  readonly #http: ApiClient;

  constructor(baseUrl: string, token: string) {
    this.#baseUrl = baseUrl;
    this.#token = token;
    this.#http = new ApiClient(baseUrl, token);
  }

  ask(path: string): Promise<ApiAnswer> {
    return this.#http.ask(path);
  }

  tryPost(path: string, body: unknown, key?: string): Promise<ApiAnswer> {
    return this.#http.tryPost(path, body, key);
  }

  tryPut(path: string, body: unknown): Promise<ApiAnswer> {
    return this.#try('PUT', path, body);
  }

  tryPatch(path: string, body: unknown): Promise<ApiAnswer> {
    return this.#try('PATCH', path, body);
  }

  async #try(method: string, path: string, body: unknown): Promise<ApiAnswer> {
    const response = await fetch(`${this.#baseUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    return { status: response.status, body: await response.json() };
  }

  async tryDelete(path: string): Promise<ApiAnswer> {
    const response = await fetch(`${this.#baseUrl}${path}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${this.#token}` },
      signal: AbortSignal.timeout(30_000),
    });
    return { status: response.status, body: await response.json() };
  }

  async createVenue(name = 'A venue'): Promise<string> {
    return (
      (await this.#http.post('/v1/venues', { name, timeZone: 'Europe/Berlin', currency: 'EUR' })) as { id: string }
    ).id;
  }

  async load(venueId: string, records: readonly object[], resource: Resource = 'customers'): Promise<BatchBody> {
    return (await this.#http.post(`/v1/venues/${venueId}/records/${resource}/batch`, { records })) as BatchBody;
  }

  async connect(venueId: string, secretKey: string): Promise<ConnectionBody> {
    return (await this.#http.post(`/v1/venues/${venueId}/connections`, {
      provider: 'stripe',
      environment: 'sandbox',
      credentials: { secretKey },
    })) as ConnectionBody;
  }

  async connection(venueId: string, connectionId: string): Promise<ConnectionBody> {
    return (await this.#http.get(`/v1/venues/${venueId}/connections/${connectionId}`)) as ConnectionBody;
  }

  /** 202 for a new run, 200 when it joined one. */
  async order(venueId: string, order: SyncOrder): Promise<{ readonly status: number; readonly run: SyncBody }> {
    const { status, body } = await this.#http.tryPost(`/v1/venues/${venueId}/syncs`, {
      resource: 'customers',
      mode: 'full',
      ...order,
    });
    if (status !== 202 && status !== 200) throw new Error(`starting a sync answered ${status} ${JSON.stringify(body)}`);
    return { status, run: body as SyncBody };
  }

  async start(venueId: string, order: SyncOrder): Promise<SyncBody> {
    return (await this.order(venueId, order)).run;
  }

  async run(venueId: string, id: string): Promise<SyncBody> {
    return (await this.#http.get(`/v1/venues/${venueId}/syncs/${id}`)) as SyncBody;
  }

  /** Starts a run and waits for its end. */
  async sync(venueId: string, order: SyncOrder): Promise<SyncBody> {
    return this.finished(venueId, (await this.start(venueId, order)).id);
  }

  /** Polls until the run is over, through failures of the API. */
  async finished(venueId: string, id: string, limitMs = 50_000): Promise<SyncBody> {
    return this.reached(venueId, id, { limitMs, what: 'is over', when: (run) => run.finishedAt !== null });
  }

  /** Polls until `when` accepts the run. Throws with the last state seen. */
  async reached(
    venueId: string,
    id: string,
    { what, when, limitMs = 30_000 }: { what: string; when: (run: SyncBody) => boolean; limitMs?: number },
  ): Promise<SyncBody> {
    let last: SyncBody | null = null;
    const look = async (): Promise<SyncBody | null> => {
      last = (await this.run(venueId, id).catch(() => null)) ?? last;
      return last !== null && when(last) ? last : null;
    };
    try {
      return await until(look, { limitMs, what: `run ${id} ${what}`, everyMs: 50 });
    } catch (error) {
      throw new Error(`${(error as Error).message}; it is ${JSON.stringify(last)}`, { cause: error });
    }
  }

  async cancel(venueId: string, id: string): Promise<ApiAnswer> {
    return this.#http.tryPost(`/v1/venues/${venueId}/syncs/${id}/cancel`, {});
  }

  log(venueId: string, id: string, filter = ''): Promise<readonly SyncLogBody[]> {
    return this.#all(`/v1/venues/${venueId}/syncs/${id}/log?limit=200${filter}`);
  }

  customers(venueId: string): Promise<readonly CustomerBody[]> {
    return this.#all(`/v1/venues/${venueId}/records/customers?limit=200`);
  }

  /** Every record of a resource in the API's form. */
  records<R extends KindName>(venueId: string, resource: R): Promise<readonly RecordBody<R>[]> {
    return this.#all(`/v1/venues/${venueId}/records/${resource}?limit=200`);
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#http.get(path)) as T;
  }

  async #all<T>(path: string): Promise<readonly T[]> {
    const all: T[] = [];
    let cursor: string | null = null;
    do {
      const next: string = cursor === null ? path : `${path}&cursor=${encodeURIComponent(cursor)}`;
      const page = (await this.#http.get(next)) as { readonly data: readonly T[]; readonly nextCursor: string | null };
      all.push(...page.data);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return all;
  }

  /** The live events of a run until it ends, or until `enough` accepts them and the stream is cut. */
  async watch(
    venueId: string,
    id: string,
    options: {
      readonly lastEventId?: string | undefined;
      readonly enough?: (events: readonly LiveEvent[]) => boolean;
    } = {},
  ): Promise<readonly LiveEvent[]> {
    const { lastEventId, enough = () => false } = options;
    const response = await fetch(`${this.#baseUrl}/v1/venues/${venueId}/syncs/${id}/events`, {
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      },
      signal: AbortSignal.timeout(50_000),
    });
    if (response.status !== 200 || !response.body)
      throw new Error(`watching answered ${response.status} ${await response.text()}`);
    const events: LiveEvent[] = [];
    let text = '';
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + piece).split('\n\n');
      text = blocks.pop() ?? '';
      events.push(...blocks.flatMap(toEvent));
      if (enough(events)) break;
    }
    return events;
  }
}

function toEvent(block: string): readonly LiveEvent[] {
  const fields = Object.fromEntries(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const { id, event, data } = fields;
  return event === undefined ? [] : [{ id: id ?? '', event, data: JSON.parse(data ?? 'null') as LiveEvent['data'] }];
}
