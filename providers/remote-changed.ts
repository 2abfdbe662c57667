import type { ProviderId } from '../contracts/providers.ts';
import { ProviderError } from './provider-error.ts';
import type { UpdateOptions } from './provider.ts';

const REMOTE_CHANGED = 'remote-changed';

/** The refusal of an update whose remote record is newer than the one that was merged; null when it is not. */
export function remoteChanged(
  provider: ProviderId,
  { expectedVersion }: Pick<UpdateOptions, 'expectedVersion'>,
  version: number,
): ProviderError | null {
  if (expectedVersion === undefined || version <= expectedVersion) return null;
  return new ProviderError({ provider, kind: 'conflict', code: REMOTE_CHANGED });
}
