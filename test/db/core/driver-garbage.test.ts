import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

const MIB = 1_048_576;
const READS = 1_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Prints by how many bytes the old generation has grown during reads of 32 KB each, of which nothing is kept. */
const PROGRAM = `
  import { getHeapSpaceStatistics } from 'node:v8';
  import postgres from 'postgres';
  const sql = postgres(process.env.URL, { max: 1, fetch_types: false });
  const read = async (times) => {
    for (let index = 0; index < times; index += 1)
      await sql.unsafe("select repeat('x', 512) as text from generate_series(1, $1::int)", [64], { prepare: true });
  };
  const oldBytes = () => getHeapSpaceStatistics().find((space) => space.space_name === 'old_space').space_used_size;
  await read(${READS} / 2);
  const before = oldBytes();
  await read(${READS});
  console.log(oldBytes() - before);
  await sql.end();
`;

describe('the driver', () => {
  it('leaves nothing of a finished query to the old generation, whose collections take longest', async () => {
    // The old generation has room for all, so that nothing is collected there meanwhile.
    const flags = ['--max-semi-space-size=16', '--initial-heap-size=1000', '--input-type=module', '-e', PROGRAM];
    const env = { PATH: process.env['PATH'], URL: database.url };
    const { stdout } = await promisify(execFile)(process.execPath, flags, { env });
    expect(Number(stdout)).toBeLessThan(4 * MIB);
  });
});
