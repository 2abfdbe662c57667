import { sql } from 'drizzle-orm';
import type { ProviderId } from '../../contracts/providers.ts';
import type { Database } from '../core/venue-scope.ts';

/** The operators' brake: how fast chunks of a provider's syncs may start, for all venues together. */
export interface BrakeStore {
  /** 0 holds every chunk that has not started; null releases the brake. */
  set(provider: ProviderId, chunksPerSecond: number | null): Promise<void>;
  /** 0 when a chunk may start now, otherwise how long to wait before asking again; `'held'` when that is unknown. */
  ask(provider: ProviderId): Promise<number | 'held'>;
}

export function createBrakeStore(db: Database): BrakeStore {
  return {
    async set(provider, chunksPerSecond) {
      await db.execute(
        chunksPerSecond === null
          ? sql`delete from provider_brakes where provider = ${provider}`
          : sql`insert into provider_brakes (provider, chunks_per_second) values (${provider}, ${chunksPerSecond})
              on conflict (provider) do update
              set chunks_per_second = excluded.chunks_per_second, next_free_at = now(), set_at = now()`,
      );
    },

    async ask(provider) {
      const [brake] = await db.execute<{ rate: number; wait_ms: number }>(sql`
        with brake as (
          select provider, chunks_per_second as rate, next_free_at, clock_timestamp() as now
          from provider_brakes where provider = ${provider} for update),
        begun as (
          update provider_brakes set next_free_at = brake.now + interval '1 second' / brake.rate
          from brake
          where provider_brakes.provider = brake.provider and brake.rate > 0 and brake.next_free_at <= brake.now)
        select rate::float8 as rate, extract(epoch from next_free_at - now)::float8 * 1000 as wait_ms from brake`);
      if (!brake) return 0;
      return brake.rate === 0 ? 'held' : Math.max(0, Math.ceil(brake.wait_ms));
    },
  };
}
