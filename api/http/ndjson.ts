import { ApiError } from '../errors/api-error.ts';
import { PartBuffer } from './body-parts.ts';
import type { BodyPart } from './body-parts.ts';
import { Turns } from './turns.ts';

const NEWLINE = 0x0a;

/** Of one load, blank ones counted: each costs time, and 256 MB hold hundreds of millions. */
const MAX_LINES = 1_000_000;

/** The lines that are not blank. A line of nothing but white space is blank. Throws `batch-too-large` past a million lines, `body-too-large` past 16 MB of white space. */
export async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<BodyPart> {
  const buffer = new PartBuffer();
  const turns = new Turns();
  let number = 0;
  const take = (): BodyPart | null => {
    number += 1;
    if (number > MAX_LINES) throw new ApiError('batch-too-large', `A load is at most ${MAX_LINES} lines.`);
    const bytes = buffer.take();
    return bytes?.length === 0 ? null : { number, bytes };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      buffer.add(chunk.subarray(start, end));
      const line = take();
      if (line) yield line;
      if (turns.endsWith(end - start)) await turns.next();
      start = end + 1;
    }
    buffer.add(chunk.subarray(start));
  }
  const last = take();
  if (last) yield last;
}
