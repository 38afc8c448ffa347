import { connectionLost } from './connection.ts';
import { errorCode, RpcError } from './errors.ts';

/**
 * What the end of a channel means for the calls on it. A refusal (403, 406) would come again and is not worth another
 * try; anything else is a lost connection.
 */
export function explainChannelError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const message = error instanceof Error ? error.message : String(error);
  switch (errorCode(error)) {
    case 'ACCESS_REFUSED':
      return new RpcError(
        'PERMISSION_DENIED',
        `RabbitMQ refused it (${message}): give the user the permission it names (rabbitmqctl set_permissions)`,
        { reason: 'ACCESS_REFUSED', cause: error },
      );
    case 'PRECONDITION_FAILED':
      return new RpcError('FAILED_PRECONDITION', `RabbitMQ closed the channel (${message})`, { cause: error });
    default:
      return connectionLost(error);
  }
}

/**
 * The longest message that the broker takes, in bytes, where that is what ended a channel: it closes the channel on a
 * longer one (406), with everything else that was under way on it.
 */
export function messageSizeLimit({ message }: RpcError): number | undefined {
  const limit = /message size \d+ .*max size (\d+)/.exec(message)?.[1];
  return limit === undefined ? undefined : Number(limit);
}
