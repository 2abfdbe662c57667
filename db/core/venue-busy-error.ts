/** A venue that has its share of the pool and waits for longer than anyone should. */
export class VenueBusyError extends Error {
  override readonly name = 'VenueBusyError';

  constructor() {
    super('the venue holds as many database connections as one venue may');
  }
}
