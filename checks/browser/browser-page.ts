import { z } from 'zod';
import type { Browser, CDPSession, Locator, Page, Response } from 'playwright-core';

/** Longer than a callback waits for an exchange on a busy machine. */
const ARRIVAL_LIMIT_MS = 60_000;

/** In CSS pixels. */
export interface Screen {
  readonly width: number;
  readonly height: number;
  readonly mobile: boolean;
}

/** A control that the keyboard reaches, as a screen reader announces it. */
export interface Control {
  readonly role: string;
  readonly name: string;
  readonly checked: boolean;
}

/** What a person finds on a page. */
export interface Seen {
  readonly url: string;
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly title: string;
  readonly heading: string;
  readonly language: string;
  readonly text: string;
  readonly controls: readonly Control[];
  /** Script elements, event attributes and `javascript:` links. */
  readonly scripts: number;
  readonly source: string;
  /** Errors, and requests to other machines, since the previous page. */
  readonly troubles: readonly string[];
}

const words = z.object({
  title: z.string(),
  heading: z.string(),
  language: z.string(),
  text: z.string(),
  scripts: z.int(),
  source: z.string(),
});

const READ = `({
  title: document.title,
  heading: document.querySelector('h1')?.innerText ?? '',
  language: document.documentElement.lang,
  text: document.body.innerText,
  scripts: document.querySelectorAll('script').length
    + [...document.querySelectorAll('*')].flatMap((each) => [...each.attributes]).filter(({ name, value }) => /^on/i.test(name) || /^\\s*javascript:/i.test(value)).length,
  source: document.documentElement.outerHTML,
})`;
const WIDTH = 'Math.max(document.documentElement.scrollWidth, innerWidth)';
const FOCUSABLE = ['a[href]', 'button', 'input', 'select', 'textarea', '[tabindex]']
  .map((selector) => `${selector}:visible`)
  .join();
/** A line of an ARIA snapshot: https://playwright.dev/docs/aria-snapshots (read 2026-11-28). */
const ARIA_LINE = /^- (\w+)(?: ("(?:[^"\\]|\\.)*"))?(.*)/;

type Role = 'button' | 'radio';

/** A tab of a fresh browser context. */
export class BrowserPage {
  readonly #page: Page;
  readonly #devtools: CDPSession;
  #answer: Response | null = null;
  #troubles: string[] = [];

  private constructor(page: Page, devtools: CDPSession) {
    this.#page = page;
    this.#devtools = devtools;
    page.on('response', (response) => {
      if (response.request().isNavigationRequest() && response.frame() === page.mainFrame()) this.#answer = response;
    });
    page.on('request', (request) => {
      const { protocol, hostname, pathname } = new URL(request.url());
      if (protocol.startsWith('http') && hostname !== '127.0.0.1')
        this.#troubles.push(`asks for ${hostname}${pathname}`);
    });
    page.on('requestfailed', (request) => {
      this.#troubles.push(`${request.url()} cannot be reached`);
    });
    page.on('pageerror', ({ name }) => {
      this.#troubles.push(name);
    });
    page.on('console', (message) => {
      // A page with an error status is logged as a network error; its status is checked separately.
      if (/^(error|warning)$/.test(message.type()) && !message.text().startsWith('Failed to load resource'))
        this.#troubles.push(`console: ${message.text()}`);
    });
  }

  static async open(browser: Browser, screen: Screen): Promise<BrowserPage> {
    const context = await browser.newContext({ locale: 'en' });
    const page = await context.newPage();
    page.setDefaultTimeout(ARRIVAL_LIMIT_MS);
    const opened = new BrowserPage(page, await context.newCDPSession(page));
    await opened.resize(screen);
    return opened;
  }

  async close(): Promise<void> {
    await this.#page.context().close();
  }

  goTo(url: string): Promise<Seen> {
    return this.#arriving(() => this.#page.goto(url));
  }

  reload(): Promise<Seen> {
    return this.#arriving(() => this.#page.reload());
  }

  back(): Promise<Seen> {
    return this.#arriving(() => this.#page.goBack());
  }

  forward(): Promise<Seen> {
    return this.#arriving(() => this.#page.goForward());
  }

  /** Waits for a page's own actions. */
  nextPage(): Promise<Seen> {
    return this.#arriving(() => Promise.resolve());
  }

  /** Clicks with the mouse. Fails when the page has no such control, or several. */
  click(role: Role, name: string): Promise<void> {
    return this.#page.getByRole(role, { name, exact: true }).click();
  }

  clickThrough(role: Role, name: string): Promise<Seen> {
    return this.#arriving(() => this.click(role, name));
  }

  /** Uses only Tab and Enter. @throws Error when Tab does not reach the control. */
  async keyThrough(role: Role, name: string): Promise<Seen> {
    const wanted = this.#page.getByRole(role, { name, exact: true });
    const controls = await this.#page.locator(FOCUSABLE).count();
    for (let presses = 0; presses <= controls; presses += 1) {
      await this.#page.keyboard.press('Tab');
      if (await wanted.and(this.#page.locator(':focus')).count())
        return this.#arriving(() => this.#page.keyboard.press('Enter'));
    }
    throw new Error(`Tab does not reach the ${role} "${name}"`);
  }

  /** Playwright can make a tab mobile only when it opens it; here one page is shown on both screens. */
  async resize({ width, height, mobile }: Screen): Promise<void> {
    const deviceScaleFactor = mobile ? 2 : 1;
    await this.#devtools.send('Emulation.setDeviceMetricsOverride', { width, height, mobile, deviceScaleFactor });
  }

  /** The page's width, which exceeds the screen's when the page has to be scrolled sideways. */
  async width(): Promise<number> {
    return z.number().parse(await this.#page.evaluate(WIDTH));
  }

  /** A PNG of the whole page. */
  async photograph(): Promise<Buffer> {
    const { data } = await this.#devtools.send('Page.captureScreenshot', {
      format: 'png',
      captureBeyondViewport: true,
    });
    return Buffer.from(data, 'base64');
  }

  /** Performs an action that loads another document, and reads that document. */
  async #arriving(act: () => Promise<unknown>): Promise<Seen> {
    this.#answer = null;
    const arrival = this.#page.waitForEvent('framenavigated', {
      predicate: (frame) => frame === this.#page.mainFrame(),
    });
    await Promise.all([arrival, act()]);
    await this.#page.waitForLoadState('load');
    return this.#read();
  }

  async #read(): Promise<Seen> {
    const answer: Response | null = this.#answer;
    const troubles = this.#troubles;
    this.#troubles = [];
    return {
      ...words.parse(await this.#page.evaluate(READ)),
      url: this.#page.url(),
      status: answer?.status() ?? null,
      headers: (await answer?.allHeaders()) ?? {},
      controls: await Promise.all((await this.#page.locator(FOCUSABLE).all()).map(controlOf)),
      troubles,
    };
  }
}

async function controlOf(element: Locator): Promise<Control> {
  const [, role = '', name = '""', attributes = ''] = ARIA_LINE.exec(await element.ariaSnapshot()) ?? [];
  return { role, name: z.string().parse(JSON.parse(name)), checked: attributes.includes('[checked]') };
}
