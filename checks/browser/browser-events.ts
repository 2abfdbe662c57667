import { z } from 'zod';
import type { DevToolsEvent } from './browser-devtools.ts';

export interface Arrival {
  /** Of the document: the same when the browser shows a page again that it had kept. */
  readonly loader: string;
  readonly url: string;
}

const frameNavigated = z.object({
  frame: z.object({
    parentId: z.string().optional(),
    loaderId: z.string(),
    url: z.string(),
    urlFragment: z.string().optional(),
    unreachableUrl: z.string().optional(),
  }),
});
const responseReceived = z.object({
  type: z.string(),
  loaderId: z.string(),
  response: z.object({ status: z.int(), headers: z.record(z.string(), z.string()) }),
});
const requestWillBeSent = z.object({ request: z.object({ url: z.string() }) });
const entryAdded = z.object({ entry: z.object({ source: z.string(), level: z.string(), text: z.string() }) });
const exceptionThrown = z.object({ exceptionDetails: z.object({ text: z.string() }) });

export interface DocumentAnswer {
  readonly status: number;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What happens in one page. */
export class PageEvents {
  readonly #answers = new Map<string, DocumentAnswer>();
  #troubles: string[] = [];
  #arrived: ((arrival: Arrival) => void) | null = null;

  receive({ method, params }: DevToolsEvent): void {
    if (method === 'Page.frameNavigated') this.#frame(frameNavigated.parse(params));
    if (method === 'Network.responseReceived') this.#answer(responseReceived.parse(params));
    if (method === 'Network.requestWillBeSent') this.#request(requestWillBeSent.parse(params).request.url);
    if (method === 'Log.entryAdded') this.#log(entryAdded.parse(params).entry);
    if (method === 'Runtime.exceptionThrown') this.#troubles.push(exceptionThrown.parse(params).exceptionDetails.text);
  }

  /** The next time that another document is shown. */
  nextArrival(limitMs: number): Promise<Arrival> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => {
        reject(new Error(`no other page came within ${limitMs / 1_000} s`));
      }, limitMs);
      this.#arrived = (arrival) => {
        clearTimeout(limit);
        resolve(arrival);
      };
    });
  }

  answerOf(loader: string): DocumentAnswer | null {
    return this.#answers.get(loader) ?? null;
  }

  /** What went wrong in the page, or was asked of another machine, since the last time that somebody took it. */
  takeTroubles(): readonly string[] {
    const troubles = this.#troubles;
    this.#troubles = [];
    return troubles;
  }

  #frame({ frame }: z.output<typeof frameNavigated>): void {
    if (frame.parentId !== undefined) return;
    if (frame.unreachableUrl !== undefined) this.#troubles.push(`${frame.unreachableUrl} cannot be reached`);
    this.#arrived?.({ loader: frame.loaderId, url: `${frame.url}${frame.urlFragment ?? ''}` });
    this.#arrived = null;
  }

  #answer({ type, loaderId, response: { status, headers } }: z.output<typeof responseReceived>): void {
    if (type !== 'Document') return;
    this.#answers.set(loaderId, {
      status,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    });
  }

  #request(url: string): void {
    const { protocol, hostname, pathname } = new URL(url);
    if (protocol.startsWith('http') && hostname !== '127.0.0.1') this.#troubles.push(`asks for ${hostname}${pathname}`);
  }

  /** A page of an error's status is logged as a network error; its status is looked at by itself. */
  #log({ source, level, text }: z.output<typeof entryAdded>['entry']): void {
    if (level !== 'verbose' && level !== 'info' && source !== 'network') this.#troubles.push(`${source}: ${text}`);
  }
}
