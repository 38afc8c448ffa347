import { errorCode, RpcError } from '../protocol/errors.ts';
import { connectionLost } from './connection.ts';

/**
 * The permission that a method needs, by the name that rabbitmq-client gives the method in its errors. RabbitMQ names it
 * itself since 4.0 only.
 * @see https://www.rabbitmq.com/docs/access-control#authorisation
 */
const permissions: Readonly<Record<string, string>> = {
  QueueDeclare: 'configure',
  QueueDelete: 'configure',
  BasicConsume: 'read',
  BasicPublish: 'write',
};

/**
 * What the end of a channel means for the calls on it. A refusal (403, 406) would come again and is not worth another
 * try; anything else is a lost connection.
 */
export function explainChannelError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const message = error instanceof Error ? error.message : String(error);
  switch (errorCode(error)) {
    case 'ACCESS_REFUSED': {
      const [, method = '', name] = /^(\w+): .*access to \w+ '(.*)' in vhost/.exec(message) ?? [];
      const permission = permissions[method];
      // it also is 403 if somebody consumes the queue exclusively, or its name is a reserved one
      if (name === undefined || permission === undefined) return accessRefused(error);
      return accessRefused(error, `the user needs the ${permission} permission for '${name}'`);
    }
    case 'PRECONDITION_FAILED':
      return new RpcError('FAILED_PRECONDITION', `RabbitMQ closed the channel (${message})`, {
        reason: 'REFUSED',
        cause: error,
      });
    default:
      return connectionLost(error);
  }
}

/** The error for a 403; `advice` says which permission would help. */
export function accessRefused(error: unknown, advice?: string): RpcError {
  const message = error instanceof Error ? error.message : String(error);
  const help = advice === undefined ? '' : `: ${advice} (rabbitmqctl set_permissions)`;
  return new RpcError('PERMISSION_DENIED', `RabbitMQ refused it (${message})${help}`, {
    reason: 'ACCESS_REFUSED',
    cause: error,
  });
}

/**
 * The longest message that the broker takes, in bytes, where that is what ended a channel: it closes the channel on a
 * longer one (406), with everything else that was under way on it.
 */
export function messageSizeLimit({ message }: RpcError): number | undefined {
  const limit = /message size \d+ .*max size (\d+)/.exec(message)?.[1];
  return limit === undefined ? undefined : Number(limit);
}
