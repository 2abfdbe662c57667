import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { once } from 'node:events';
import { API_VERSION } from '../../sandbox/stripe/events/event.ts';
import { signatureHeader } from '../../sandbox/stripe/events/webhook-sender.ts';
import type { Socket } from 'node:net';

export interface EventSenderOptions {
  readonly url: string;
  readonly secret: string;
  /** The accounts that the events are about, in turn. */
  readonly accounts: readonly string[];
  readonly connections: number;
  /** The type of the events. */
  readonly type: string;
}

/** A customer of the stand-in, of which each event tells of another. */
const OBJECT = {
  object: 'customer',
  name: 'Corner Café',
  email: 'owner@example.com',
  phone: null,
  description: null,
  metadata: {},
  address: null,
};

interface SignedEvent {
  readonly id: string;
  /** The whole request. */
  readonly bytes: Buffer;
}

/**
 * Sends signed events of a stand-in Stripe, each another one, over connections that stay open. Requests are made before
 * they are sent, and written as they are: an HTTP client would use more of the machine than what is measured.
 */
export class EventSender {
  readonly #options: EventSenderOptions;
  readonly #prepared: SignedEvent[] = [];
  readonly #idle: Connection[] = [];
  readonly #all: Connection[] = [];
  readonly #waiting: ((connection: Connection) => void)[] = [];
  #made = 0;

  constructor(options: EventSenderOptions) {
    this.#options = options;
  }

  /** Makes events ahead of the measurement. */
  prepare(count: number): void {
    while (this.#prepared.length < count) this.#prepared.push(this.#make());
  }

  /** Sends the next event, and returns its id. Rejects when it is not acknowledged. */
  readonly send = async (): Promise<string> => {
    const { id, bytes } = this.#prepared.pop() ?? this.#make();
    const connection = await this.#take();
    try {
      const status = await connection.exchange(bytes);
      if (status !== 200) throw new Error(`the event was answered ${status}`);
    } finally {
      this.#giveBack(connection);
    }
    return id;
  };

  /** Sends from every connection at once, one event after the other, and returns how many a second were acknowledged. */
  async saturate(seconds: number): Promise<number> {
    this.prepare(MADE_AHEAD_PER_SECOND * seconds);
    const startedAt = performance.now();
    const until = startedAt + seconds * 1_000;
    let acknowledged = 0;
    const work = async (): Promise<void> => {
      while (performance.now() < until) {
        await this.send();
        acknowledged += 1;
      }
    };
    await Promise.all(Array.from({ length: this.#options.connections }, work));
    return acknowledged / ((performance.now() - startedAt) / 1_000);
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  #take(): Connection | Promise<Connection> {
    const idle = this.#idle.pop();
    if (idle) return idle;
    if (this.#all.length < this.#options.connections) {
      const opened = new Connection(new URL(this.#options.url));
      this.#all.push(opened);
      return opened;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #giveBack(connection: Connection): void {
    const next = this.#waiting.shift();
    if (next) next(connection);
    else this.#idle.push(connection);
  }

  #make(): SignedEvent {
    const { url, secret, accounts, type } = this.#options;
    const { pathname, host } = new URL(url);
    const id = `evt_${randomUUID()}`;
    const created = Math.floor(Date.now() / 1_000);
    const body = JSON.stringify({
      id,
      object: 'event',
      api_version: API_VERSION,
      type,
      livemode: false,
      account: accounts[this.#made++ % accounts.length],
      created,
      data: { object: { ...OBJECT, id: `cus_${id}`, created } },
    });
    const head = [
      `POST ${pathname} HTTP/1.1`,
      `host: ${host}`,
      'content-type: application/json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      `stripe-signature: ${signatureHeader(body, secret, created)}`,
    ];
    return { id, bytes: Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`) };
  }
}

/** More than any of the services acknowledges. */
const MADE_AHEAD_PER_SECOND = 10_000;

const HEAD_END = '\r\n\r\n';

/** One request after the other over one socket. */
class Connection {
  readonly #socket: Socket;
  readonly #open: Promise<unknown>;

  constructor({ hostname, port }: URL) {
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#open = once(this.#socket, 'connect');
    // Whoever sends learns of it by its own listener.
    this.#socket.on('error', () => undefined);
  }

  /** Returns the status of the answer, once it has arrived whole. */
  async exchange(request: Buffer): Promise<number> {
    await this.#open;
    return new Promise((resolve, reject) => {
      const socket = this.#socket;
      let answer = '';
      const leave = (): void => {
        socket.off('data', take).off('close', fail);
      };
      const take = (bytes: Buffer): void => {
        answer += bytes.toString('latin1');
        if (!isWhole(answer)) return;
        leave();
        resolve(Number(answer.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)));
      };
      const fail = (): void => {
        leave();
        reject(new Error('the connection was closed'));
      };
      socket.on('data', take).on('close', fail).write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

function isWhole(answer: string): boolean {
  const headBytes = answer.indexOf(HEAD_END);
  if (headBytes === -1) return false;
  const [, length = '0'] = /^content-length: *(\d+)/im.exec(answer.slice(0, headBytes)) ?? [];
  return answer.length >= headBytes + HEAD_END.length + Number(length);
}
