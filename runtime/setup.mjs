// Runs on the machine's Node (20.3 or later) with nothing installed: brings node_modules up to date, then starts the
// given TypeScript entry point under Node 24 from the npm package `node`. Writes only to standard error, so that the
// entry point's output can be piped.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const startedAtMs = Date.now();
const INSTALL_LIMIT_MS = 15 * 60_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const NO_NETWORK =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT)\b/;
const NO_PERMISSION = /\b(EACCES|EPERM|EROFS)\b/;

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const modules = path.join(root, 'node_modules');
const lockFile = path.join(root, 'package-lock.json');
const patchesFolder = path.join(root, 'patches');
const stampFile = path.join(modules, '.interlock-lock-sha256');
const node = path.join(modules, '.bin', 'node');

function fail(message) {
  process.stderr.write(`interlock: ${message}\n`);
  process.exit(1);
}

function checkMachine() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 3))
    fail(`Node ${process.versions.node} is too old: install Node 20.3 or later.`);
  if (!['linux', 'darwin'].includes(process.platform) || !['x64', 'arm64'].includes(process.arch)) {
    const hint = process.platform === 'win32' ? ' On Windows, use WSL.' : '';
    fail(`${process.platform} on ${process.arch} is not supported: Linux or macOS on x64 or arm64 is needed.${hint}`);
  }
}

/**
 * True when npm's own record of the installation matches the lock exactly, so that a manual `npm install` is not
 * repeated.
 */
function installedByHand() {
  const hiddenLock = path.join(modules, '.package-lock.json');
  if (!existsSync(hiddenLock)) return false;
  const locked = JSON.parse(readFileSync(lockFile, 'utf8')).packages;
  const installed = JSON.parse(readFileSync(hiddenLock, 'utf8')).packages;
  const same = (name) =>
    locked[name]?.version === installed[name]?.version && locked[name]?.integrity === installed[name]?.integrity;
  // Packages for other platforms are locked as optional and not installed here.
  return (
    Object.keys(installed).every(same) &&
    Object.keys(locked).every((name) => name === '' || locked[name].optional || same(name))
  );
}

/** What an installation consists of: the locked packages, and the patches that are applied to them. */
function hashOfInputs() {
  const patches = existsSync(patchesFolder) ? readdirSync(patchesFolder).sort() : [];
  const hash = createHash('sha256').update(readFileSync(lockFile));
  for (const name of patches) hash.update(`\0${name}\0`).update(readFileSync(path.join(patchesFolder, name)));
  return hash.digest('hex');
}

function isInstalled(inputsHash) {
  if (!existsSync(node)) return false;
  if (existsSync(stampFile)) return readFileSync(stampFile, 'utf8').trim() === inputsHash;
  return installedByHand();
}

function remember(inputsHash) {
  const temporary = `${stampFile}.${process.pid}`;
  writeFileSync(temporary, `${inputsHash}\n`);
  renameSync(temporary, stampFile);
}

function failedInstall(output) {
  const lines = output.split('\n').map((line) => /^npm (?:error|ERR!) (?!code )\s*(\S.*)$/.exec(line.trim())?.[1]);
  const reason = (lines.find((line) => line !== undefined) ?? 'npm said nothing').replace(/\.$/, '');
  if (NO_NETWORK.test(output)) fail(`packages could not be installed: the npm registry cannot be reached (${reason}).`);
  if (NO_PERMISSION.test(output)) fail(`packages could not be installed: no permission to write (${reason}).`);
  fail(`packages could not be installed: ${reason}. \`npm ci\` shows more.`);
}

/** Resolves with npm's exit code and output. */
function npmCi() {
  const env = { ...process.env };
  // `npm start` puts node_modules/.bin first in PATH, and its `node` disappears while `npm ci` replaces the folder.
  env.PATH = (env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => !folder.endsWith(path.join('node_modules', '.bin')))
    .join(path.delimiter);
  return new Promise((resolve) => {
    const npm = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--progress=false'], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: INSTALL_LIMIT_MS,
    });
    let output = '';
    for (const stream of [npm.stdout, npm.stderr])
      stream.on('data', (chunk) => {
        output += chunk;
      });
    npm.on('error', (error) => {
      fail(
        error.code === 'ENOENT'
          ? 'npm is not on PATH: install Node 20.3 or later together with npm.'
          : `npm cannot be run: ${error.message}`,
      );
    });
    npm.on('close', (code, signal) => {
      resolve({
        code: code ?? 1,
        output:
          signal === null
            ? output
            : `${output}\nnpm error stopped by ${signal} after ${INSTALL_LIMIT_MS / 60_000} minutes at most`,
      });
    });
  });
}

async function install() {
  const inputsHash = hashOfInputs();
  if (isInstalled(inputsHash)) {
    if (!existsSync(stampFile))
      try {
        remember(inputsHash);
      } catch {
        /* A read-only but complete tree is sufficient. */
      }
    return;
  }
  try {
    accessSync(existsSync(modules) ? modules : root, constants.W_OK);
  } catch {
    fail(`no permission to write to ${root}: packages have to be installed there.`);
  }
  process.stderr.write(
    `installing packages (${existsSync(modules) ? 'the locked packages or their patches have changed' : 'first time only'})…\n`,
  );
  const { code, output } = await npmCi();
  if (code !== 0) failedInstall(output);
  if (!existsSync(node))
    fail('Node 24 was not installed: npm must be allowed to run install scripts (`npm config get ignore-scripts`).');
  remember(inputsHash);
}

function handOver([entry, ...args]) {
  // Programs that are run often start sooner with what they compiled before. The folder is that of `runtime/start/home.ts`.
  const NODE_COMPILE_CACHE = path.join(modules, '.cache', 'interlock', 'compiled');
  const env = { NODE_COMPILE_CACHE, ...process.env, INTERLOCK_SETUP_STARTED_MS: String(startedAtMs) };
  const child = spawn(node, [path.resolve(root, entry), ...args], { cwd: root, env, stdio: 'inherit' });
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the whole group; forwarding it would deliver it twice.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    fail(`${node} cannot be run: ${error.message}`);
  });
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? (code ?? 1) : 128 + os.constants.signals[signal]);
  });
}

checkMachine();
if (process.argv.length < 3) fail('usage: node runtime/setup.mjs <entry.ts> [arguments]');
await install();
handOver(process.argv.slice(2));
