import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { Secret } from '../../vault/secret.ts';

const CANARY = 'sk_test_canary_4242';
const secret = new Secret(CANARY);

it.each<[string, (value: Secret) => string]>([
  ['String()', (value) => String(value)],
  ['a template', (value) => `key ${String(value)}`],
  ['joining', (value) => [value, value].join()],
  ['JSON', (value) => JSON.stringify({ value, list: [value] })],
  ['inspect', (value) => inspect({ value }, { depth: null, showHidden: true, customInspect: true })],
  ['inspect without its own hook', (value) => inspect(value, { customInspect: false, showHidden: true })],
  ['an error message', (value) => inspect(new Error(`cannot use ${String(value)}`, { cause: { value } }))],
  ['its own entries', (value) => JSON.stringify([Object.entries(value), Reflect.ownKeys(value)])],
  ['structuredClone', (value) => inspect(structuredClone({ value }))],
  ['pino', logged],
])('a secret does not print through %s', (_way, print) => {
  expect(print(secret)).not.toContain(CANARY);
});

it('a secret prints as [secret], so that a reader sees that one was there', () => {
  expect([String(secret), JSON.stringify(secret), inspect(secret), logged(secret)]).toEqual([
    '[secret]',
    '"[secret]"',
    '[secret]',
    expect.stringContaining('"value":"[secret]"'),
  ]);
});

it('a secret is exposed only on request', () => {
  expect(secret.expose()).toBe(CANARY);
});

function logged(value: Secret): string {
  let output = '';
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      output += chunk.toString();
      done();
    },
  });
  pino({}, destination).info({ value, list: [value] }, 'message %s', value);
  return output;
}
