import { z } from 'zod';
import { AskedOnce } from '../../http/asked-once.ts';
import { ProviderError } from '../../provider-error.ts';
import type { Ask } from './ask.ts';

const listsSchema = z.object({ lists: z.array(z.object({ id: z.string().min(1) })) });

/**
 * The audience that a session's members are in. A connection has one: the only one of its account, or the one that was
 * chosen. A member of several audiences is a contact of its own in each, with a consent of its own.
 */
export class Audience {
  readonly #ask: Ask;
  readonly #chosen: readonly string[] | null;
  readonly #found = new AskedOnce<string>(() => this.#find());

  constructor(ask: Ask, chosen: readonly string[] | null) {
    this.#ask = ask;
    this.#chosen = chosen;
  }

  /** Its id. One HTTP call in a session without a choice. Throws ProviderError where it is not clear which. */
  id(): Promise<string> {
    return this.#found.get();
  }

  /** `lists/{id}`, and what follows. */
  async path(...rest: readonly string[]): Promise<string> {
    return ['lists', await this.id(), ...rest].map(encodeURIComponent).join('/');
  }

  async #find(): Promise<string> {
    const ids = this.#chosen ?? (await this.#list());
    const [only] = ids;
    if (only !== undefined && ids.length === 1) return only;
    const code = only === undefined ? 'no-audience' : 'several-audiences';
    throw new ProviderError({ provider: 'mailchimp', kind: 'rejected', code });
  }

  async #list(): Promise<readonly string[]> {
    const call = { method: 'GET', path: 'lists', query: { fields: 'lists.id', count: '2' } } as const;
    return (await this.#ask(listsSchema, call)).lists.map(({ id }) => id);
  }
}
