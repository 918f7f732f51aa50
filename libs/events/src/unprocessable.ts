/**
 * Thrown where trying an event again cannot help: it is unreadable, of the wrong type, or a handler knows that it never
 * can act on it. The event goes to the dead letters at once, with `reason`.
 */
export class UnprocessableEvent extends Error {
  override readonly name = 'UnprocessableEvent';

  /**
   * @param reason  stable, UPPER_SNAKE
   * @param message sentence with the values
   */
  constructor(
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}
