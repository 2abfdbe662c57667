import type { Browser } from 'playwright-core';
import { z } from 'zod';
import { BrowserPage } from './browser-page.ts';
import {
  connectedPage,
  consentPage,
  deniedPage,
  fitsPhone,
  productPage,
  summarise,
  usedPage,
} from './browser-walk-pages.ts';
import { DESKTOP } from './browser-walk-report.ts';
import type { ApiClient } from '../../runtime/cli/api-client.ts';
import type { Seen } from './browser-page.ts';
import type { Promises, WalkReport } from './browser-walk-report.ts';

/** A provider, and one of the ways in which it asks for consent. */
export interface Flow {
  readonly provider: string;
  readonly displayName: string;
  readonly flow: string;
  readonly environment: string;
}

export interface WalkParts {
  readonly api: ApiClient;
  readonly browser: Browser;
  readonly report: WalkReport;
  readonly returnUrl: string;
}

const begun = z.object({ id: z.uuid(), state: z.literal('connecting'), authorizationUrl: z.url() });
const connection = z.looseObject({
  state: z.string(),
  cause: z.string().nullable(),
  account: z.object({ id: z.string(), name: z.string().nullable() }).nullable(),
  scopes: z.array(z.string()),
});
const ANOTHER_ACCOUNT = 'another account, made now';
/** How often a page that completes by itself may be checked. */
const MAX_LOOKS = 20;

/** One flow of a venue's owner: approved, denied, and both again with a return to the venue's own product. */
export async function walkFlow(parts: WalkParts, flow: Flow): Promise<void> {
  const name = `${flow.provider} ${flow.flow}`;
  for (const [kind, walk] of [
    ['approved', approve],
    ['denied', deny],
    ['back to the product', comeBack],
  ] as const) {
    const page = await BrowserPage.open(parts.browser, DESKTOP);
    try {
      const { id: venueId } = z
        .object({ id: z.uuid() })
        .parse(await parts.api.post('/v1/venues', { name: 'A venue', timeZone: 'Europe/Berlin', currency: 'EUR' }));
      await walk(new Walk(parts, { flow, venueId, page, name: `${name}, ${kind}` }));
    } catch (error) {
      parts.report.step(`${name}, ${kind}`, (error as Error).message, { 'it goes on': false });
    } finally {
      await page.close().catch(() => undefined);
    }
  }
}

async function approve(walk: Walk): Promise<void> {
  const { page } = walk;
  const id = await walk.begin();
  await walk.shown('result', await page.clickThrough('button', 'Allow'), connectedPage);
  const connected = await walk.connected(id);
  await walk.shown('reloaded', await page.reload(), usedPage);
  await walk.shown('consent again', await page.back(), consentPage);
  await walk.shown('forward', await page.forward(), usedPage);
  await page.back();
  await walk.shown('approved again', await page.clickThrough('button', 'Allow'), usedPage);
  await walk.unchanged(id, connected);
}

/** Uses only the keyboard. */
async function deny(walk: Walk): Promise<void> {
  const { page } = walk;
  const id = await walk.begin();
  await walk.shown('denial', await page.keyThrough('button', 'Deny'), deniedPage);
  const denied = await walk.notConnected(id);
  await walk.shown('reloaded', await page.reload(), usedPage);
  await page.back();
  await walk.shown('approved after all', await page.clickThrough('button', 'Allow'), usedPage);
  await walk.unchanged(id, denied);
}

async function comeBack(walk: Walk): Promise<void> {
  const { page, returnUrl } = walk;
  const id = await walk.begin(`${returnUrl}?tab=money`);
  await page.click('radio', ANOTHER_ACCOUNT);
  walk.back(await page.clickThrough('button', 'Allow'), { tab: 'money', connectionId: id, outcome: 'connected' });
  const connected = await walk.connected(id);
  await walk.shown('back', await page.back(), consentPage);
  await walk.shown('approved again', await page.clickThrough('button', 'Allow'), usedPage);
  await walk.unchanged(id, connected);
  const denied = await walk.begin(returnUrl);
  walk.back(await page.clickThrough('button', 'Deny'), {
    connectionId: denied,
    outcome: 'refused',
    code: 'authorization-denied',
  });
  await walk.notConnected(denied);
  await walk.refused(`${new URL(returnUrl).origin}/elsewhere`);
}

interface WalkSetting {
  readonly flow: Flow;
  readonly venueId: string;
  readonly page: BrowserPage;
  readonly name: string;
}

/** The steps that walks are made of. */
class Walk {
  readonly page: BrowserPage;
  readonly returnUrl: string;
  readonly #parts: WalkParts;
  readonly #setting: WalkSetting;

  constructor(parts: WalkParts, setting: WalkSetting) {
    this.#parts = parts;
    this.#setting = setting;
    this.page = setting.page;
    this.returnUrl = parts.returnUrl;
  }

  /** Starts over the API; then the owner opens the link. Returns the connection's id. */
  async begin(returnUrl?: string): Promise<string> {
    const { id, authorizationUrl } = begun.parse(await this.#parts.api.post(this.#collection, this.#wish(returnUrl)));
    await this.shown('consent', await this.page.goTo(authorizationUrl), consentPage);
    return id;
  }

  async refused(returnUrl: string): Promise<void> {
    const { status, body } = await this.#parts.api.tryPost(this.#collection, this.#wish(returnUrl));
    this.#step(`a return URL that is not on the list is answered ${status}`, {
      'it is refused': status === 422 || status === 400,
      'its field is named': JSON.stringify(body).includes('returnUrl'),
    });
  }

  async shown(what: string, seen: Seen, promise: (seen: Seen, provider: string) => Promises): Promise<void> {
    const settled = await this.#settled(seen);
    const width = await this.#parts.report.photograph(this.page, `${this.#setting.name} ${what}`);
    this.#step(`${what}: ${summarise(settled)}`, {
      ...promise(settled, this.#setting.flow.displayName),
      ...fitsPhone(width),
    });
  }

  back(seen: Seen, parameters: Readonly<Record<string, string>>): void {
    this.#step(
      `product: ${summarise(seen)}, ${new URL(seen.url).search}`,
      productPage(seen, this.returnUrl, parameters),
    );
  }

  async connected(id: string): Promise<unknown> {
    const { body, seen } = await this.#connection(id);
    this.#step(
      `the connection is ${seen.state}, of ${seen.account?.name ?? 'nobody'}, scopes: ${seen.scopes.join(' ') || 'none'}`,
      {
        'it is active': seen.state === 'active' && seen.cause === null,
        'its account has a name': (seen.account?.name ?? '') !== '',
      },
    );
    return body;
  }

  async notConnected(id: string): Promise<unknown> {
    const { body, seen } = await this.#connection(id);
    this.#step(`the connection is ${seen.state}: ${seen.cause ?? 'for no reason'}`, {
      'it is over': seen.state === 'disconnected',
      'it says why': seen.cause !== null,
    });
    return body;
  }

  async unchanged(id: string, before: unknown): Promise<void> {
    const { body } = await this.#connection(id);
    this.#step('the connection is what it was', {
      'nothing has changed': JSON.stringify(body) === JSON.stringify(before),
    });
  }

  /** The page that stands in for a result looks again by itself. */
  async #settled(seen: Seen): Promise<Seen> {
    let latest = seen;
    for (let looks = 0; latest.status === 202 && looks < MAX_LOOKS; looks += 1) latest = await this.page.nextPage();
    return latest;
  }

  async #connection(id: string): Promise<{ readonly body: unknown; readonly seen: z.output<typeof connection> }> {
    const body = await this.#parts.api.get(`${this.#collection}/${id}`);
    return { body, seen: connection.parse(body) };
  }

  get #collection(): string {
    return `/v1/venues/${this.#setting.venueId}/connections`;
  }

  #wish(returnUrl: string | undefined): object {
    const { provider, environment, flow } = this.#setting.flow;
    return { provider, environment, flow, ...(returnUrl !== undefined && { returnUrl }) };
  }

  #step(seen: string, promises: Promises): void {
    this.#parts.report.step(this.#setting.name, seen, promises);
  }
}
