import { connect } from 'node:net';
import { once } from 'node:events';
import { API_VERSION } from '../../sandbox/stripe/events/event.ts';
import { signatureHeader } from '../../sandbox/stripe/events/webhook-sender.ts';
import type { Socket } from 'node:net';
import { anEventId } from './event-ids.ts';
import type { IdOrder } from './event-ids.ts';

export interface EventSenderOptions {
  readonly url: string;
  readonly secret: string;
  /** The accounts that the events are about, in turn. */
  readonly accounts: readonly string[];
  readonly connections: number;
  /** The type of the events. */
  readonly type: string;
  /** Default `by-time`. */
  readonly ids?: IdOrder;
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

  /** Makes more events than any of the services acknowledges in this time. */
  prepareFor(seconds: number): void {
    this.prepare(MADE_AHEAD_PER_SECOND * seconds);
  }

  /** Sends the next event, and returns its id. Rejects when it is not acknowledged. */
  readonly send = async (): Promise<string> => {
    const { id, bytes } = this.#prepared.pop() ?? this.#make();
    const connection = await this.#take();
    try {
      const status = await connection.exchange(bytes);
      if (status !== OK) throw new Error(`the event was answered ${status}`);
    } finally {
      this.#giveBack(connection);
    }
    return id;
  };

  /** Sends from every connection at once, one event after the other, and returns how many a second were acknowledged. */
  async saturate(seconds: number): Promise<number> {
    this.prepareFor(seconds);
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
    const { url, secret, accounts, type, ids = 'by-time' } = this.#options;
    const { pathname, host } = new URL(url);
    const created = Math.floor(Date.now() / 1_000);
    const account = accounts[this.#made++ % accounts.length] ?? '';
    const id = anEventId(ids, created, account);
    const body = JSON.stringify({
      id,
      object: 'event',
      api_version: API_VERSION,
      type,
      livemode: false,
      account,
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

const MADE_AHEAD_PER_SECOND = 16_000;

const OK = 200;
const HEAD_END = '\r\n\r\n';
const STATUS_AT = 'HTTP/1.1 '.length;
const CONTENT_LENGTH = /\ncontent-length: *(\d+)/i;
/** Longer than any answer of the services. */
const ANSWER_BYTES = 65_536;

interface Exchange {
  readonly resolve: (status: number) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One request after the other over one socket, read into one buffer: a stream for each answer costs as much again. An
 * answer is read only when it is not as long as the one before: a service acknowledges every event with as many bytes.
 */
class Connection {
  readonly #socket: Socket;
  readonly #open: Promise<unknown>;
  #exchange: Exchange | null = null;
  #answer = '';
  /** Of the last answer, which arrived in one piece and acknowledged its event. */
  #acknowledgedBytes = 0;

  constructor({ hostname, port }: URL) {
    const take = (bytes: number, buffer: Uint8Array): boolean => {
      if (this.#answer === '' && bytes === this.#acknowledgedBytes && isOk(buffer)) this.#exchange?.resolve(OK);
      else this.#take(Buffer.from(buffer.buffer, buffer.byteOffset, bytes).toString('latin1'));
      return true;
    };
    const onread = { buffer: Buffer.allocUnsafe(ANSWER_BYTES), callback: take };
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true, onread });
    this.#open = once(this.#socket, 'connect');
    // Whoever sends learns of it when the connection is closed.
    this.#socket
      .on('error', () => undefined)
      .on('close', () => {
        this.#exchange?.reject(new Error('the connection was closed'));
      });
  }

  /** Returns the status of the answer, once it has arrived whole. */
  async exchange(request: Buffer): Promise<number> {
    if (this.#socket.connecting) await this.#open;
    if (this.#socket.destroyed) throw new Error('the connection was closed');
    return new Promise((resolve, reject) => {
      this.#exchange = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(piece: string): void {
    const isOnePiece = this.#answer === '';
    this.#answer += piece;
    if (!isWhole(this.#answer)) return;
    const status = Number(this.#answer.slice(STATUS_AT, STATUS_AT + 3));
    this.#acknowledgedBytes = isOnePiece && status === OK ? piece.length : 0;
    this.#answer = '';
    this.#exchange?.resolve(status);
  }
}

/** Whether an answer begins with the status 200. */
const isOk = (answer: Uint8Array): boolean => OK_DIGITS.every((digit, index) => answer[STATUS_AT + index] === digit);
const OK_DIGITS = [...Buffer.from(String(OK))];

function isWhole(answer: string): boolean {
  const headBytes = answer.indexOf(HEAD_END);
  if (headBytes === -1) return false;
  const length = CONTENT_LENGTH.exec(answer)?.[1] ?? '0';
  return answer.length >= headBytes + HEAD_END.length + Number(length);
}
