import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { REPOSITORY } from '../start/home.ts';

const manifest = z.object({ scripts: z.record(z.string(), z.string()) });

/** The `scripts` of package.json, so that each check is defined only there. */
export function readPackageScripts(): Readonly<Record<string, string>> {
  return manifest.parse(JSON.parse(readFileSync(path.join(REPOSITORY, 'package.json'), 'utf8'))).scripts;
}
