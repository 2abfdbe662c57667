import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BrowserPage, Screen } from './browser-page.ts';

export const DESKTOP: Screen = { width: 1_280, height: 800, mobile: false };
export const PHONE: Screen = { width: 375, height: 667, mobile: true };

/** Checks by the name of their failure. */
export type Promises = Readonly<Record<string, boolean>>;

/** Prints one line per step, and saves a screenshot where there is something to see. */
export class WalkReport {
  readonly folder: string;
  #broken = 0;
  #steps = 0;

  constructor(folder: string) {
    this.folder = folder;
  }

  get broken(): number {
    return this.#broken;
  }

  get steps(): number {
    return this.#steps;
  }

  step(walk: string, seen: string, promises: Promises): void {
    const broken = Object.entries(promises).flatMap(([promise, holds]) => (holds ? [] : [promise]));
    this.#steps += 1;
    if (broken.length === 0) {
      console.log(`ok    ${walk}: ${seen}`);
      return;
    }
    this.#broken += 1;
    console.log(`FAIL  ${walk}: ${seen}; it does not hold that ${broken.join(', nor that ')}`);
  }

  /** The page on a desktop and on a phone. Returns how wide it is on the phone. */
  async photograph(page: BrowserPage, name: string): Promise<number> {
    this.#save(`${name}-desktop`, await page.photograph());
    await page.resize(PHONE);
    const width = await page.width();
    this.#save(`${name}-phone`, await page.photograph());
    await page.resize(DESKTOP);
    return width;
  }

  #save(name: string, picture: Buffer): void {
    writeFileSync(path.join(this.folder, `${name.replaceAll(/\W+/g, '-')}.png`), picture);
  }
}
