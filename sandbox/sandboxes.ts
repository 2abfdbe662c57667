import type { ConfiguredStandIn } from './config.ts';
import type { Settings } from './core/stand-in.ts';

/** The stand-ins of this process, running. */
export interface Sandboxes {
  /** By provider: where its stand-in listens, and the credentials to use with it. */
  readonly sandbox: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** By provider: the settings that make our service use the stand-in, in groups. */
  readonly settings: Readonly<Record<string, readonly Settings[]>>;
  readonly close: () => Promise<void>;
}

/** Starts every stand-in, or none: when one fails to start, stops the others. Throws the first error. */
export async function startSandboxes(configured: readonly ConfiguredStandIn[]): Promise<Sandboxes> {
  const settled = await Promise.allSettled(
    configured.map(async ({ standIn, place }) => ({ standIn, running: await standIn.start(place) })),
  );
  const started = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const close = async () => {
    await Promise.all(started.map(({ running }) => running.close()));
  };
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed) {
    await close();
    throw failed.reason;
  }
  return {
    sandbox: Object.fromEntries(started.map(({ standIn, running }) => [standIn.id, textsOf(running)])),
    settings: Object.fromEntries(started.map(({ standIn, running }) => [standIn.id, standIn.settings(running)])),
    close,
  };
}

const textsOf = (running: object): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(running).filter(([, value]) => typeof value === 'string'));
