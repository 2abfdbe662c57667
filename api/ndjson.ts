import { PartBuffer } from './body-parts.ts';
import type { BodyPart } from './body-parts.ts';

const NEWLINE = 0x0a;

/** The lines that are not blank. A line of nothing but white space is blank, however long it is. */
export async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<BodyPart> {
  const buffer = new PartBuffer();
  let number = 0;
  const take = (): BodyPart | null => {
    number += 1;
    const bytes = buffer.take();
    return bytes?.length === 0 ? null : { number, bytes };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      buffer.add(chunk.subarray(start, end));
      const line = take();
      if (line) yield line;
      start = end + 1;
    }
    buffer.add(chunk.subarray(start));
  }
  const last = take();
  if (last) yield last;
}
