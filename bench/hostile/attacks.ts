import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { ApiClient } from '../../runtime/cli/api-client.ts';

/** What an attacker has got back. */
export interface Loot {
  requests: number;
  /** Of one answer that is a page of a list, and of any other. */
  largestPageBytes: number;
  largestAnswerBytes: number;
}

export interface Target {
  readonly apiUrl: string;
  readonly token: string;
  readonly venueId: string;
  readonly connectionId: string;
  /** A provider that is connected by its owner's consent. */
  readonly consentProvider: string;
}

export interface Attacker {
  readonly target: Target;
  readonly loot: Loot;
  /** The attack ends when it aborts, and closes what it holds open. */
  readonly stop: AbortSignal;
}

export interface Attack {
  readonly name: string;
  readonly run: (attacker: Attacker) => Promise<void>;
}

const MIB = 2 ** 20;
const SENDERS = 4;
const STREAMS = 250;
const IDLE_UPLOADS = 8;
const STALLED_READERS = 8;
const SYNC_STARTS_PER_ROUND = 20;
const CONSENTS_PER_ROUND = 30;

/** Makes the records that the attack on pages reads: 200 of nearly the largest size that is taken. */
export async function makeRichRecords(api: ApiClient, venueId: string): Promise<void> {
  const text = 'x'.repeat(1_200);
  const metadata = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`key-${index}`, text]));
  for (let index = 0; index < 200; index += 10) {
    const records = Array.from({ length: 10 }, (_, offset) => ({ sourceId: `rich-${index + offset}`, metadata }));
    const loaded = await api.post(`/v1/venues/${venueId}/records/customers/batch`, { records });
    // A load answers 200 also when it has taken no record, and the attack would then read empty pages.
    if ((loaded as { readonly created: number }).created !== records.length)
      throw new Error('the records of the attack on pages were not taken');
  }
}

/** The kinds of work that one venue can make a service do for it, as plain requests. Nothing here leaves this machine. */
export const ATTACKS: readonly Attack[] = [
  {
    name: '1 errors that grow with the input',
    run: (attacker) =>
      repeatedly(attacker, async (index) => {
        const path = loads(attacker, 'customers');
        if (index % 2 === 0) await send(attacker, { path, body: nestedNuls() });
        else await send(attacker, { path, type: 'application/x-ndjson', body: badLines() });
      }),
  },
  {
    name: '2 blank lines and compressed nothing',
    run: (attacker) =>
      repeatedly(attacker, async (index) => {
        const path = loads(attacker, 'customers');
        const type = 'application/x-ndjson';
        if (index % 2 === 0) await send(attacker, { path, type, body: blankLines() });
        else await send(attacker, { path, type, body: compressedBlanks(), encoding: 'gzip' });
      }),
  },
  {
    name: '3 rich pages and readers that stall',
    run: async (attacker) => {
      const path = `/v1/venues/${attacker.target.venueId}/records/customers?limit=200`;
      const stalled = Array.from({ length: STALLED_READERS }, () => open(attacker, { method: 'GET', path }));
      await repeatedly(attacker, () => send(attacker, { method: 'GET', path, isPage: true }));
      for (const held of stalled) held.destroy();
    },
  },
  {
    name: '4 idle uploads and open consents',
    run: async (attacker) => {
      const path = `${loads(attacker, 'products')}?atomic=true`;
      const idle = Array.from({ length: IDLE_UPLOADS }, () =>
        open(attacker, { method: 'POST', path, firstBytes: '{' }),
      );
      await repeatedly(attacker, async () => {
        const body = JSON.stringify({ provider: attacker.target.consentProvider, environment: 'sandbox' });
        for (let index = 0; index < CONSENTS_PER_ROUND && !attacker.stop.aborted; index += 1)
          await send(attacker, { path: `/v1/venues/${attacker.target.venueId}/connections`, body });
      });
      for (const held of idle) held.destroy();
    },
  },
  {
    name: '6 replays of stored answers',
    run: (attacker) => {
      const body = Buffer.from(JSON.stringify({ records: Array.from({ length: 500 }, () => ({ bad: 1 })) }));
      return repeatedly(attacker, (index) =>
        send(attacker, { path: loads(attacker, 'customers'), body, key: `replay-${index % 50}` }),
      );
    },
  },
  {
    name: 'a flood of syncs',
    run: (attacker) =>
      repeatedly(attacker, async () => {
        for (let index = 0; index < SYNC_STARTS_PER_ROUND && !attacker.stop.aborted; index += 1) {
          const order = { connectionId: attacker.target.connectionId, direction: 'pull', mode: 'full' };
          const resource = ['customers', 'products', 'transactions', 'invoices'][index % 4];
          await send(attacker, {
            path: `/v1/venues/${attacker.target.venueId}/syncs`,
            body: JSON.stringify({ ...order, resource }),
          });
        }
      }),
  },
  {
    name: 'event streams',
    run: async (attacker) => {
      const path = `/v1/venues/${attacker.target.venueId}/syncs/${await lastRunOf(attacker.target)}/events`;
      const streams: ReturnType<typeof open>[] = [];
      while (!attacker.stop.aborted) {
        if (streams.length < STREAMS) streams.push(open(attacker, { method: 'GET', path }));
        else await sleep(50);
        if (streams.length % 25 === 0) await sleep(20);
      }
      for (const held of streams) held.destroy();
    },
  },
];

const loads = ({ target }: Attacker, resource: string): string =>
  `/v1/venues/${target.venueId}/records/${resource}/batch`;

async function lastRunOf({ apiUrl, token, venueId }: Target): Promise<string> {
  const response = await fetch(`${apiUrl}/v1/venues/${venueId}/syncs?limit=1`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { data } = (await response.json()) as { readonly data?: readonly { readonly id: string }[] };
  return data?.[0]?.id ?? randomUUID();
}

/** Makes a body when it is first sent: to make it anew for each request would cost more than to send it. */
function madeOnce(make: () => Buffer): () => Buffer {
  let body: Buffer | null = null;
  return () => (body ??= make());
}

const compressedBlanks = madeOnce(() => gzipSync('\n'.repeat(32 * MIB)));
const blankLines = madeOnce(() => Buffer.alloc(16 * MIB, '\n'));
const badLines = madeOnce(() => Buffer.from('{"bad":1}\n'.repeat(200_000)));
/** 0.7 MB of keys that no field has, each with a character that Postgres cannot store. */
const nestedNuls = madeOnce(() =>
  Buffer.from(JSON.stringify({ records: Array.from({ length: 40_000 }, (_, index) => ({ [`\u0000${index}`]: 1 })) })),
);

/** Runs several senders until the attack is over. A sender goes on after a request that was refused or cut, and waits for the answer to its last. */
async function repeatedly({ stop }: Attacker, work: (index: number) => Promise<unknown>): Promise<void> {
  let index = 0;
  await Promise.all(
    Array.from({ length: SENDERS }, async () => {
      while (!stop.aborted) {
        index += 1;
        await work(index).catch(() => sleep(50));
      }
    }),
  );
}

interface Message {
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string | Buffer;
  readonly type?: string;
  readonly encoding?: string;
  readonly key?: string;
  readonly isPage?: boolean;
}

const AGENT = new Agent({ keepAlive: true });

/**
 * Counts the answer's bytes and keeps none. Reads it also after the attack has ended: the slowest answers, which come
 * last, may be the largest. With node:http, because fetch costs the sender, which shares the processors with the
 * service, twice as much a request.
 */
async function send({ target, loot }: Attacker, message: Message): Promise<void> {
  const { method = 'POST', path, body, type = 'application/json', encoding, key, isPage = false } = message;
  const sent = request(`${target.apiUrl}${path}`, {
    method,
    agent: AGENT,
    signal: AbortSignal.timeout(60_000),
    headers: {
      authorization: `Bearer ${target.token}`,
      'content-type': type,
      ...(encoding !== undefined && { 'content-encoding': encoding }),
      ...(key !== undefined && { 'idempotency-key': key }),
    },
  });
  sent.end(body);
  const bytes = await bytesOfAnswer(sent);
  loot.requests += 1;
  if (isPage) loot.largestPageBytes = Math.max(loot.largestPageBytes, bytes);
  else loot.largestAnswerBytes = Math.max(loot.largestAnswerBytes, bytes);
}

async function bytesOfAnswer(sent: ClientRequest): Promise<number> {
  // What goes wrong after the answer has begun fails its reading below.
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  sent.on('error', () => undefined);
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) bytes += chunk.length;
  return bytes;
}

/** A request that is never finished, or whose answer is never read. */
function open(
  { target, loot }: Attacker,
  { method, path, firstBytes }: { readonly method: string; readonly path: string; readonly firstBytes?: string },
): { destroy(): void } {
  const sent = request(`${target.apiUrl}${path}`, {
    method,
    agent: false,
    headers: {
      authorization: `Bearer ${target.token}`,
      'content-type': 'application/json',
      ...(firstBytes !== undefined && { 'content-length': '1000' }),
    },
  });
  // Nobody reads what comes: an answer that is not taken stays with the server.
  sent.once('response', (answer) => answer.once('error', () => undefined));
  sent.on('error', () => undefined);
  if (firstBytes === undefined) sent.end();
  else sent.write(firstBytes);
  loot.requests += 1;
  return { destroy: () => void sent.destroy() };
}
