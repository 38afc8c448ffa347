/** An error of a connection or a channel: told by the broker, or seen in its frames. */
export class AmqpError extends Error {
  override readonly name = 'AmqpError';
  /** The name of the broker's reply code, such as `NOT_FOUND`, or one of ours, such as `CONN_CLOSE`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Octets that are no AMQP 0-9-1, or not what was announced: nothing that follows them can be trusted. */
export function frameError(message: string): AmqpError {
  return new AmqpError('FRAME_ERROR', message);
}

/** A frame that has no place where it came. */
export function unexpectedFrame(message: string): AmqpError {
  return new AmqpError('UNEXPECTED_FRAME', message);
}
