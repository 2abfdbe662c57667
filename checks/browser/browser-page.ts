import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { PageEvents } from './browser-events.ts';
import type { DevTools } from './browser-devtools.ts';
import type { Arrival } from './browser-events.ts';

/** Longer than a callback waits for an exchange, on a machine that has other work. */
const ARRIVAL_LIMIT_MS = 60_000;

/** In CSS pixels. */
export interface Screen {
  readonly width: number;
  readonly height: number;
  readonly mobile: boolean;
}

/** Something that the keyboard reaches, as a screen reader announces it. */
export interface Control {
  readonly role: string;
  readonly name: string;
  readonly checked: boolean;
  readonly focused: boolean;
  /** DevTools' name of the element. */
  readonly node: number;
}

/** What a person meets on a page. */
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
  /** What went wrong, or was asked of another machine, since the page before. */
  readonly troubles: readonly string[];
}

const created = z.object({ browserContextId: z.string() });
const target = z.object({ targetId: z.string() });
const attached = z.object({ sessionId: z.string() });
const evaluated = z.object({ result: z.object({ value: z.unknown().optional() }) });
const history = z.object({ currentIndex: z.int(), entries: z.array(z.object({ id: z.int() })) });
const quads = z.object({ quads: z.array(z.array(z.number()).length(8)).min(1) });
const picture = z.object({ data: z.string() });
const property = z.object({ name: z.string(), value: z.object({ value: z.unknown().optional() }) });
const tree = z.object({
  nodes: z.array(
    z.object({
      ignored: z.boolean(),
      role: z.object({ value: z.string() }).optional(),
      name: z.object({ value: z.string() }).optional(),
      properties: z.array(property).default([]),
      backendDOMNodeId: z.int().default(0),
    }),
  ),
});
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

const KEYS = { Tab: { windowsVirtualKeyCode: 9 }, Enter: { windowsVirtualKeyCode: 13, text: '\r' } } as const;

/** A tab of a browser that knows nothing of the tabs before. */
export class BrowserPage {
  readonly #devtools: DevTools;
  readonly #session: string;
  readonly #events: PageEvents;
  readonly #context: string;
  #at: Arrival = { loader: '', url: 'about:blank' };

  private constructor(parts: {
    readonly devtools: DevTools;
    readonly session: string;
    readonly context: string;
    readonly events: PageEvents;
  }) {
    this.#devtools = parts.devtools;
    this.#session = parts.session;
    this.#context = parts.context;
    this.#events = parts.events;
  }

  static async open(devtools: DevTools, screen: Screen): Promise<BrowserPage> {
    const { browserContextId: context } = created.parse(await devtools.send(null, 'Target.createBrowserContext'));
    const { targetId } = target.parse(
      await devtools.send(null, 'Target.createTarget', { url: 'about:blank', browserContextId: context }),
    );
    const { sessionId: session } = attached.parse(
      await devtools.send(null, 'Target.attachToTarget', { targetId, flatten: true }),
    );
    const events = new PageEvents();
    devtools.listen((event) => {
      if (event.sessionId === session) events.receive(event);
    });
    const page = new BrowserPage({ devtools, session, context, events });
    for (const domain of ['Page', 'Network', 'Log', 'Runtime', 'DOM', 'Accessibility'])
      await page.#send(`${domain}.enable`);
    // Only a tab in front has a focus otherwise.
    await page.#send('Emulation.setFocusEmulationEnabled', { enabled: true });
    await page.resize(screen);
    return page;
  }

  async close(): Promise<void> {
    await this.#devtools.send(null, 'Target.disposeBrowserContext', { browserContextId: this.#context });
  }

  async goTo(url: string): Promise<Seen> {
    return this.#arriving(() => this.#send('Page.navigate', { url }));
  }

  async reload(): Promise<Seen> {
    return this.#arriving(() => this.#send('Page.reload'));
  }

  async back(): Promise<Seen> {
    return this.#walkHistory(-1);
  }

  async forward(): Promise<Seen> {
    return this.#walkHistory(1);
  }

  /** Waits for what a page does by itself. */
  async nextPage(): Promise<Seen> {
    return this.#arriving(() => Promise.resolve());
  }

  /** With the mouse, in the middle of what is seen of it. */
  async click(role: string, name: string): Promise<void> {
    const { node } = find(await this.#controls(), role, name);
    await this.#send('DOM.scrollIntoViewIfNeeded', { backendNodeId: node });
    const [[x1 = 0, y1 = 0, , , x3 = 0, y3 = 0] = []] = quads.parse(
      await this.#send('DOM.getContentQuads', { backendNodeId: node }),
    ).quads;
    const where = { x: (x1 + x3) / 2, y: (y1 + y3) / 2, button: 'left', clickCount: 1 };
    await this.#send('Input.dispatchMouseEvent', { type: 'mousePressed', ...where });
    await this.#send('Input.dispatchMouseEvent', { type: 'mouseReleased', ...where });
  }

  async clickThrough(role: string, name: string): Promise<Seen> {
    return this.#arriving(() => this.click(role, name));
  }

  /** With Tab and Enter alone. @throws Error when Tab does not reach it. */
  async keyThrough(role: string, name: string): Promise<Seen> {
    const controls = await this.#controls();
    find(controls, role, name);
    for (let presses = 0; presses <= controls.length; presses += 1) {
      await this.#press('Tab');
      const focused = (await this.#controls()).find((control) => control.focused);
      if (focused?.role === role && focused.name === name) return this.#arriving(() => this.#press('Enter'));
    }
    throw new Error(`Tab does not reach the ${role} "${name}"`);
  }

  async resize({ width, height, mobile }: Screen): Promise<void> {
    await this.#send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      mobile,
      deviceScaleFactor: mobile ? 2 : 1,
    });
  }

  /** How wide the page has become: more than the screen when it has to be moved sideways. */
  async width(): Promise<number> {
    return z.number().parse(await this.#evaluate('Math.max(document.documentElement.scrollWidth, innerWidth)'));
  }

  /** A PNG of the whole page. */
  async photograph(): Promise<Buffer> {
    return Buffer.from(
      picture.parse(await this.#send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true })).data,
      'base64',
    );
  }

  async #walkHistory(by: 1 | -1): Promise<Seen> {
    const { currentIndex, entries } = history.parse(await this.#send('Page.getNavigationHistory'));
    const entry = entries[currentIndex + by];
    if (!entry) throw new Error(`there is no page to go ${by === 1 ? 'forward' : 'back'} to`);
    return this.#arriving(() => this.#send('Page.navigateToHistoryEntry', { entryId: entry.id }));
  }

  async #arriving(act: () => Promise<unknown>): Promise<Seen> {
    const arrival = this.#events.nextArrival(ARRIVAL_LIMIT_MS);
    const [at] = await Promise.all([arrival, act()]);
    this.#at = at;
    while ((await this.#evaluate('document.readyState')) !== 'complete') await sleep(50);
    return this.#read();
  }

  async #read(): Promise<Seen> {
    const answer = this.#events.answerOf(this.#at.loader);
    const page = words.parse(await this.#evaluate(READ));
    return {
      ...page,
      url: this.#at.url,
      status: answer?.status ?? null,
      headers: answer?.headers ?? {},
      controls: await this.#controls(),
      troubles: this.#events.takeTroubles(),
    };
  }

  async #controls(): Promise<readonly Control[]> {
    const { nodes } = tree.parse(await this.#send('Accessibility.getFullAXTree'));
    return nodes.flatMap(({ ignored, role, name, properties, backendDOMNodeId: node }) => {
      const has = (wanted: string): boolean =>
        properties.some((each) => each.name === wanted && (each.value.value === true || each.value.value === 'true'));
      if (ignored || !has('focusable') || role?.value === 'RootWebArea') return [];
      return [
        { role: role?.value ?? '', name: name?.value ?? '', checked: has('checked'), focused: has('focused'), node },
      ];
    });
  }

  async #press(key: keyof typeof KEYS): Promise<void> {
    await this.#send('Input.dispatchKeyEvent', { type: 'keyDown', key, code: key, ...KEYS[key] });
    await this.#send('Input.dispatchKeyEvent', { type: 'keyUp', key, code: key, ...KEYS[key] });
  }

  async #evaluate(expression: string): Promise<unknown> {
    return evaluated.parse(await this.#send('Runtime.evaluate', { expression, returnByValue: true })).result.value;
  }

  #send(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return this.#devtools.send(this.#session, method, params);
  }
}

function find(controls: readonly Control[], role: string, name: string): Control {
  const found = controls.filter((control) => control.role === role && control.name === name);
  const [control] = found;
  if (!control || found.length > 1) throw new Error(`the page has ${found.length} ${role} with the name "${name}"`);
  return control;
}
