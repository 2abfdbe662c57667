import {
  appendFileSync,
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

const COMPACT_ABOVE_BYTES = 128 * 1024 * 1024;
const WRITE_CHUNK_CHARS = 1024 * 1024;

export interface JournalSource<Entry> {
  /** Applies one entry to the state in memory. Called for each entry in the order of writing. */
  apply(entry: Entry): void;
  /** The entries that rebuild the current state from nothing. */
  snapshot(): Iterable<Entry>;
  /**
   * Minimum size at which the file is rewritten, once it has also doubled since the last rewrite. 128 MiB by default.
   */
  readonly compactAboveBytes?: number;
}

/**
 * State as an append-only file of JSON lines. One line is one transaction. `append` returns once the kernel has the
 * line, so it survives a killed process, though not a power failure. A last line cut short by a kill is dropped on
 * opening.
 */
export class Journal<Entry> {
  readonly #file: string;
  readonly #source: JournalSource<Entry>;
  #fd = -1;
  #bytes = 0;
  #compactAtBytes = 0;

  /** Call `open` instead. */
  constructor(file: string, source: JournalSource<Entry>) {
    this.#file = file;
    this.#source = source;
  }

  /**
   * Replays the file into `source` and rewrites it in its shortest form. Throws when a line other than the last is
   * damaged.
   */
  static async open<Entry>(file: string, source: JournalSource<Entry>): Promise<Journal<Entry>> {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const journal = new Journal(file, source);
    if (existsSync(file)) await journal.#replay();
    journal.#compact();
    return journal;
  }

  append(entry: Entry): void {
    const line = `${JSON.stringify(entry)}\n`;
    appendFileSync(this.#fd, line);
    this.#bytes += line.length;
  }

  /**
   * Rewrites the file once it is much larger than its content. Call it between transactions, when memory holds
   * everything appended.
   */
  compactWhenLarge(): void {
    if (this.#bytes > this.#compactAtBytes) this.#compact();
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  async #replay(): Promise<void> {
    let damagedLine = 0;
    let number = 0;
    for await (const line of createInterface({ input: createReadStream(this.#file, 'utf8'), crlfDelay: Infinity })) {
      number += 1;
      if (damagedLine > 0)
        throw new Error(`${this.#file} is damaged at line ${damagedLine}; remove the file to start over`);
      const entry = parse(line);
      if (entry === undefined) damagedLine = number;
      else this.#source.apply(entry as Entry);
    }
  }

  #compact(): void {
    const next = `${this.#file}.next`;
    const fd = openSync(next, 'w', 0o600);
    let bytes = 0;
    let chunk = '';
    const flush = () => {
      appendFileSync(fd, chunk);
      bytes += chunk.length;
      chunk = '';
    };
    for (const entry of this.#source.snapshot()) {
      chunk += `${JSON.stringify(entry)}\n`;
      if (chunk.length > WRITE_CHUNK_CHARS) flush();
    }
    flush();
    fsyncSync(fd);
    closeSync(fd);
    renameSync(next, this.#file);
    this.close();
    this.#fd = openSync(this.#file, 'a', 0o600);
    this.#bytes = bytes;
    this.#compactAtBytes = Math.max(this.#source.compactAboveBytes ?? COMPACT_ABOVE_BYTES, bytes * 2);
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
