import type { VenueId } from '../../contracts/ids.ts';
import type { VenueReach } from '../../db/core/venue-scope.ts';
import { ApiError } from '../errors/api-error.ts';

/** From least to most rights. Each role includes the ones before it. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** The identity and rights of a token. */
export interface Caller {
  readonly subject: string;
  readonly role: Role;
  readonly venues: VenueReach;
  readonly expiresAt: Date;
}

export function reaches(caller: Caller, venueId: VenueId): boolean {
  return caller.venues === '*' || caller.venues.includes(venueId);
}

/** Throws `forbidden` for a token that lists venues. */
export function requireAllVenues(caller: Caller): void {
  if (caller.venues !== '*') throw new ApiError('forbidden', 'This needs a token for all venues ("venues": "*").');
}

/** Throws `forbidden` when the role is too low. */
export function requireRole(caller: Caller, role: Role): void {
  if (ROLES.indexOf(caller.role) < ROLES.indexOf(role)) {
    throw new ApiError('forbidden', `This needs the role ${role}; the token has ${caller.role}.`);
  }
}
