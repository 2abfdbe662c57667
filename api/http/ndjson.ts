import { ApiError } from '../errors/api-error.ts';
import { PartBuffer } from './body-parts.ts';
import type { BodyPart } from './body-parts.ts';
import type { Turns } from './turns.ts';

const NEWLINE = 0x0a;

/** Lines of one load, including blank ones: each costs time, and 256 MB can hold hundreds of millions. */
const MAX_LINES = 1_000_000;

/**
 * Yields the lines that are not blank; white space counts as blank. Throws `batch-too-large` above a million lines,
 * `body-too-large` above 16 MB of white space.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>, turns: Turns): AsyncGenerator<BodyPart> {
  const buffer = new PartBuffer();
  let number = 0;
  const take = (): BodyPart | null => {
    number += 1;
    if (number > MAX_LINES) throw new ApiError('batch-too-large', `A load is at most ${MAX_LINES} lines.`);
    const bytes = buffer.take();
    return bytes?.length === 0 ? null : { number, bytes };
  };
  for await (const chunk of chunks) {
    if (!turns.resume()) await turns.next();
    let start = 0;
    for (let end = endOfLine(chunk, 0); end !== -1; end = endOfLine(chunk, start)) {
      buffer.add(chunk, start, end);
      const line = take();
      if (line) yield line;
      if (turns.endsWith(end - start)) await turns.next();
      start = end + 1;
    }
    buffer.add(chunk, start, chunk.length);
  }
  const last = take();
  if (last) yield last;
}

/** Index of the line's end, -1 when it is not in the chunk. The search costs more than a look at an empty line. */
const endOfLine = (chunk: Buffer, start: number): number =>
  chunk[start] === NEWLINE ? start : chunk.indexOf(NEWLINE, start);
