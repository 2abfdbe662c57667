import type { SealContext, SealedSecret } from '../contracts/vault.ts';
import type { KeyringConfig } from './keyring.ts';
import { createOpener } from './opener.ts';
import { createSealer } from './sealer.ts';
import type { VaultOptions } from './materials.ts';
import { provenKeyOf, wrappingKeyOf } from './wrapping-key.ts';

/** Reseals secrets under the current key. Every method throws VaultError. */
export interface Resealer {
  /** Name of the current key. Verifies that it can seal and open now. */
  currentKey(): Promise<string>;
  /** The same secret sealed under the current key, or null when it already is. Makes two key service calls. */
  reseal(sealed: SealedSecret, context: SealContext): Promise<SealedSecret | null>;
}

/** Each secret is read once, so caching its data key would only evict keys that syncs use. */
const PASSING_BY = { capacity: 100 };

export function createResealer(keyring: KeyringConfig, options: VaultOptions = {}): Resealer {
  const passing = { ...options, dataKeys: { ...options.dataKeys, ...PASSING_BY } };
  const sealer = createSealer(keyring, passing);
  const opener = createOpener(keyring, passing);
  let name: Promise<string> | null = null;
  const currentKey = () => {
    name = provenKeyOf(sealer, opener);
    return name;
  };
  return {
    currentKey,
    async reseal(sealed, context) {
      if ((await wrappingKeyOf(sealed)) === (await (name ?? currentKey()))) return null;
      return sealer.seal(await opener.open(sealed, context), context);
    },
  };
}
