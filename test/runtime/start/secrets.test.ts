import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadSecrets, readSecrets } from '../../../runtime/start/secrets.ts';
import { aFolder } from '../support.ts';

const modeOf = (file: string): number => statSync(file).mode & 0o777;

test('secrets are created once, stay the same, and are readable by their owner only', () => {
  const file = path.join(aFolder(), 'secrets.json');
  const first = loadSecrets(file);
  expect(modeOf(file)).toBe(0o600);
  expect(loadSecrets(file)).toEqual(first);
  expect(readSecrets(file)).toEqual(first);
  expect(Buffer.from(first.encryptionKey, 'base64')).toHaveLength(32);
});

test('two homes never share a secret', () => {
  const [one, other] = [
    loadSecrets(path.join(aFolder(), 'secrets.json')),
    loadSecrets(path.join(aFolder(), 'secrets.json')),
  ];
  expect(Object.values(one).filter((value) => Object.values(other).includes(value))).toEqual([]);
});

test('a secrets file that others could read gets its mode restored', () => {
  const file = path.join(aFolder(), 'secrets.json');
  loadSecrets(file);
  chmodSync(file, 0o644);
  loadSecrets(file);
  expect(modeOf(file)).toBe(0o600);
});

test('a damaged secrets file is rejected and kept, because new secrets would make stored credentials unreadable', () => {
  const file = path.join(aFolder(), 'secrets.json');
  writeFileSync(file, '{"jwtSecret": "cut of');
  expect(() => loadSecrets(file)).toThrow(/secrets\.json is damaged.*--fresh/);
  expect(readFileSync(file, 'utf8')).toBe('{"jwtSecret": "cut of');
});

test('reading secrets creates none', () => {
  const file = path.join(aFolder(), 'secrets.json');
  expect(readSecrets(file)).toBeNull();
  expect(() => statSync(file)).toThrow(/ENOENT/);
});

test('secrets that an earlier version kept beside ours are left out, and the file still loads', () => {
  const file = path.join(aFolder(), 'secrets.json');
  const { jwtSecret, encryptionKey, databasePassword } = loadSecrets(file);
  const ours = { jwtSecret, encryptionKey, databasePassword };
  writeFileSync(file, JSON.stringify({ ...ours, sandboxStripeSecretKey: `sk_test_${'x'.repeat(24)}` }));
  expect(loadSecrets(file)).toEqual(ours);
});
