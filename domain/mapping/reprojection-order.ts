import type { SyncKey } from '../../contracts/sync.ts';
import type { MappingDefinition } from './mapping.ts';

type Direction = SyncKey['direction'];

/**
 * The order in which records are passed through again after a change of their mapping. Where both directions are in
 * use, the side comes first whose values the rules prefer: its values are then on both sides before the other's are
 * read.
 */
export function reprojectionOrder({ fields }: MappingDefinition, used: readonly Direction[]): readonly Direction[] {
  const isProviderFirst = fields.some(({ direction, policy }) => direction === 'both' && policy === 'provider');
  const order: readonly Direction[] = isProviderFirst ? ['pull', 'push'] : ['push', 'pull'];
  return [...order, 'both' as const].filter((direction) => used.includes(direction));
}
