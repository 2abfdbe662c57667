import { VenueCapError } from '../../db/core/venue-cap.ts';
import { ApiError } from '../errors/api-error.ts';

export const tooManyConnections = ({ max }: VenueCapError): ApiError =>
  new ApiError('connection-limit-reached', `The venue has ${max} connections, and may have no more.`);

/** Runs what may need room for one more connection. Throws ApiError `connection-limit-reached` when there is none. */
export async function withinConnectionCap<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof VenueCapError ? tooManyConnections(error) : error;
  }
}
