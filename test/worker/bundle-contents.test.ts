import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { expect, it } from 'vitest';
import { BUNDLED_SERVICES, keepServiceBundle } from '../../worker/service-bundle.ts';

const ENGLISH = 'Invalid input: expected';
const DUTCH = 'Ongeldige invoer: verwacht';

it.each(BUNDLED_SERVICES)(
  'the bundled %s has the messages of Zod in English alone',
  async (service) => {
    const zod = path.dirname(createRequire(import.meta.url).resolve('zod/package.json'));
    const bundle = await readFile(await keepServiceBundle(service), 'utf8');
    expect(await readFile(path.join(zod, 'v4', 'locales', 'nl.js'), 'utf8')).toContain(DUTCH);
    expect(bundle).toContain(ENGLISH);
    expect(bundle).not.toContain(DUTCH);
  },
  60_000,
);
