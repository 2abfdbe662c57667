#!/usr/bin/env bash
# express 5.3.0: app.listen calls its callback also when it could not listen. A program of two lines whose port is in use says that it listens, and ends
# with exit code 0. With Express 4 the same program ends with an uncaught EADDRINUSE and code 1.
#
# The callback is also attached to the server's first 'error' event and gets the error as its argument; attached, it keeps the event from being thrown.
# An orchestrator that restarts what fails does not restart this. https://expressjs.com/en/guide/migrating-5.html (app.listen, read 2026-11-30)
#
# What to do: look at the callback's argument, or listen with node:http, whose callback is for success only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >program.mjs <<'JS'
import express from 'express';
express().listen(Number(process.env.PORT), '127.0.0.1', () => console.log('  listening'));
JS
cat >observe.mjs <<'JS'
import http from 'node:http';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const server = http.createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const program = spawn(process.execPath, ['program.mjs'], { env: { ...process.env, PORT: String(server.address().port) }, stdio: ['ignore', 'inherit', 'pipe'] });
let errors = '';
program.stderr.on('data', (data) => (errors += data));
const [code] = await once(program, 'close');
console.log(`  exit code ${code}, EADDRINUSE on stderr: ${errors.includes('EADDRINUSE')}`);
server.close();
JS
: >seen.txt
for version in 4.22.1 5.3.0; do
  rm -rf node_modules package.json package-lock.json
  npm init -y >/dev/null
  npm install --no-audit --no-fund --silent "express@$version"
  printf 'express %s\n' "$version" >>seen.txt
  node observe.mjs >>seen.txt
done
expected=$(cat <<'TEXT'
express 4.22.1
  exit code 1, EADDRINUSE on stderr: true
express 5.3.0
  listening
  exit code 0, EADDRINUSE on stderr: false
TEXT
)
seen=$(cat seen.txt)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
