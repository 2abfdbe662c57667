import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differences } from '../support/http-example.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

interface Command {
  readonly text: string;
  /** The answer that the page shows; null when it shows none. */
  readonly answer: unknown;
}

/** Separates the outputs of two commands. */
const MARK = '\n--- the next command ---\n';

/** The `sh` blocks of the page, each with the `json` block that follows it. */
function readCommands(page: string): readonly Command[] {
  const blocks = [...page.matchAll(/^```(sh|json)\n([^]*?)^```$/gm)].map(([, language, text = '']) => ({
    language,
    text,
  }));
  return blocks.flatMap(({ language, text }, index) => {
    const next = blocks[index + 1];
    return language === 'sh'
      ? [{ text, answer: next?.language === 'json' ? (JSON.parse(next.text) as unknown) : null }]
      : [];
  });
}

let system: System;
let folder: string;
beforeAll(async () => {
  [system, folder] = await Promise.all([startSystem(), mkdtemp(path.join(tmpdir(), 'interlock_tour_'))]);
}, 120_000);
afterAll(async () => {
  await system.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the commands in one shell, in the folder of a started copy, and returns what each printed. */
async function run(commands: readonly Command[], stripeSecretKey: string): Promise<readonly string[]> {
  const { apiUrl, token, sandbox } = system;
  await mkdir(path.join(folder, '.interlock'));
  await writeFile(
    path.join(folder, '.interlock', 'started.json'),
    JSON.stringify({
      apiUrl,
      token,
      sandbox: { ...sandbox, stripe: { ...sandbox.stripe, secretKey: stripeSecretKey } },
    }),
  );
  const script = commands.map(({ text }) => `${text}printf '${MARK.replaceAll('\n', '\\n')}'\n`).join('');
  const { stdout } = await promisify(execFile)('sh', ['-euc', script], { cwd: folder, timeout: 50_000 });
  return stdout.split(MARK).slice(0, commands.length);
}

describe('the tour', () => {
  it('consists of ten commands that print what the page shows, and pushes each customer once', async () => {
    const account = await system.stripe.addAccount();
    const commands = readCommands(await readFile(new URL('../../docs/tour.md', import.meta.url), 'utf8'));
    const outputs = await run(commands, account.secretKey);
    const found = commands.flatMap(({ text, answer }, index) => {
      const output = outputs[index] ?? '';
      const wrong =
        answer === null
          ? [output].filter((printed) => printed !== '')
          : differences(answer, JSON.parse(output), new Map());
      return wrong.map((difference) => `${text.slice(0, 60)}: ${difference}`);
    });
    expect(found).toEqual([]);
    // The first block names the copy's folder.
    expect(commands).toHaveLength(11);
    expect(commands.filter(({ answer }) => answer !== null)).toHaveLength(6);
    expect((await account.customers()).map(({ name }) => name).sort()).toEqual(['Ada Lovelace', 'Grace Hopper']);
    expect(await account.writes()).toHaveLength(2);
  });
});
