import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadSecrets, readSecrets } from '../../../runtime/start/secrets.ts';
import { aFolder } from '../support.ts';

const modeOf = (file: string): number => statSync(file).mode & 0o777;

test('secrets are made once, stay the same, and only their owner can read them', () => {
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

test('a file that others could read is closed to them again', () => {
  const file = path.join(aFolder(), 'secrets.json');
  loadSecrets(file);
  chmodSync(file, 0o644);
  loadSecrets(file);
  expect(modeOf(file)).toBe(0o600);
});

test('a damaged file is refused and left as it is, because new secrets would lock out what is stored', () => {
  const file = path.join(aFolder(), 'secrets.json');
  writeFileSync(file, '{"jwtSecret": "cut of');
  expect(() => loadSecrets(file)).toThrow(/secrets\.json is damaged.*--fresh/);
  expect(readFileSync(file, 'utf8')).toBe('{"jwtSecret": "cut of');
});

test('looking for secrets makes none', () => {
  const file = path.join(aFolder(), 'secrets.json');
  expect(readSecrets(file)).toBeNull();
  expect(() => statSync(file)).toThrow(/ENOENT/);
});
