import { z } from 'zod';

const standIn = z.object({ apiUrl: z.string(), controlUrl: z.string() }).catchall(z.string());
const readyLine = z.object({
  ready: z.literal(true),
  sandbox: z.record(z.string(), standIn),
  settings: z.record(z.string(), z.array(z.record(z.string(), z.string()))),
});

/** Where the stand-in of each provider listens, and the credentials to use with it. */
export type Sandbox = Readonly<Record<string, Readonly<z.output<typeof standIn>>>>;

/** Environment variables of api and worker that make them use the stand-ins: groups of them, by provider. */
export type SandboxSettings = Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>;

/** What the sandbox process says once every stand-in is ready. */
export interface ReadySandbox {
  readonly sandbox: Sandbox;
  readonly settings: SandboxSettings;
}

/** Parses the sandbox process's ready line; null for any other line of output. */
export function readReadyLine(line: string): ReadySandbox | null {
  if (!line.startsWith('{')) return null;
  try {
    const { data } = readyLine.safeParse(JSON.parse(line));
    return data === undefined ? null : { sandbox: data.sandbox, settings: data.settings };
  } catch {
    return null;
  }
}
