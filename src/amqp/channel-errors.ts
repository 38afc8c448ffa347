import { errorCode, RpcError, type RpcErrorCode, type RpcErrorReason } from '../protocol/errors.ts';
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
 * Explains what the end of a channel, or of its connection, means for the calls on it. A refusal (403, 405, 406, 540) would come again
 * and is not worth another try; anything else is a lost connection.
 */
export function explainChannelError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const text = brokerText(error);
  const refused = (code: RpcErrorCode, message: string, reason: RpcErrorReason = 'REFUSED') =>
    new RpcError(code, message, { reason, cause: error });
  switch (errorCode(error)) {
    case 'ACCESS_REFUSED': {
      const [, method = '', name] = /^(\w+): .*access to \w+ '(.*)' in vhost/.exec(text) ?? [];
      const permission = permissions[method];
      // it also is 403 if somebody consumes the queue exclusively, or its name is a reserved one
      if (name === undefined || permission === undefined) return accessRefused(error);
      return accessRefused(
        error,
        `the user needs the ${permission} permission for '${name}' (rabbitmqctl set_permissions)`,
      );
    }
    case 'PRECONDITION_FAILED':
      if (STREAM.test(text)) return refused('FAILED_PRECONDITION', streamRefused(text), 'WRONG_QUEUE');
      return refused('FAILED_PRECONDITION', `RabbitMQ closed the channel (${text})`);
    case 'RESOURCE_LOCKED':
      return refused('FAILED_PRECONDITION', `the queue is exclusive to another connection (${text})`);
    case 'NOT_IMPLEMENTED':
      if (STREAM.test(text)) return refused('FAILED_PRECONDITION', streamRefused(text), 'WRONG_QUEUE');
      return refused('UNIMPLEMENTED', `RabbitMQ can't do that (${text})`);
    case 'NOT_ALLOWED':
      if (!/number of channels/.test(text)) return connectionLost(error);
      return refused(
        'RESOURCE_EXHAUSTED',
        `RabbitMQ allows the user no more channels, and closed the connection (${text}): raise the limit (rabbitmqctl set_user_limits)`,
        'CHANNEL_LIMIT',
      );
    default:
      return connectionLost(error);
  }
}

/** How RabbitMQ names a stream where it refuses to treat it as a queue. */
const STREAM = /stream[_ ]queue/;

function streamRefused(text: string): string {
  const named = /queue '(.*)' in vhost/.exec(text)?.[1];
  return (
    `the queue${named === undefined ? '' : ` '${named}'`} is a stream, which would give each request to every worker, for ever ` +
    `(${text}): delete it and declare a classic or a quorum queue; a virtual host's default queue type may have made it a stream`
  );
}

/** The broker's text; of an error that no method is to blame for, without the library's `undefined: `. */
function brokerText(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/^undefined: /, '');
}

/** The error for a 403; `advice` says what would help. */
export function accessRefused(error: unknown, advice?: string): RpcError {
  const help = advice === undefined ? '' : `: ${advice}`;
  return new RpcError('PERMISSION_DENIED', `RabbitMQ refused it (${brokerText(error)})${help}`, {
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
