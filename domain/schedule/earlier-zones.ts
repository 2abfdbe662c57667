/** A time zone that a venue has had. */
export interface EarlierZone {
  readonly timeZone: string;
  /** When the venue left it, ISO 8601. */
  readonly until: string;
}

/** The zones of a venue: its own, and those before it, the earliest first. */
export interface VenueZones {
  readonly timeZone: string;
  readonly earlier: readonly EarlierZone[];
}

/** The zone that a venue had at a time; the present one for no time. */
export const zoneAt = ({ timeZone, earlier }: VenueZones, at: Date | null | undefined): string =>
  (at && earlier.find(({ until }) => at.getTime() < Date.parse(until))?.timeZone) ?? timeZone;
