import rhea from 'rhea';

/** The broker that AMQP_URL names, by AMQP 1.0, on the same port. */
export function connectOptions() {
  const url = new URL(process.env.AMQP_URL ?? '');
  return {
    host: url.hostname,
    port: Number(url.port || 5672),
    username: decodeURIComponent(url.username || 'guest'),
    password: decodeURIComponent(url.password || 'guest'),
    reconnect: false,
  };
}

/** A queue's address: https://www.rabbitmq.com/docs/amqp#address-v2 */
export const queueAddress = (name) => `/queues/${encodeURIComponent(name)}`;

/** Ends the program, and says why, when a session, a link or the connection ends. */
export function endOnErrors(container) {
  for (const event of ['connection_error', 'session_error', 'sender_error', 'receiver_error', 'disconnected']) {
    container.on(event, (context) => {
      const at = context.receiver ?? context.sender ?? context.session ?? context.connection;
      console.error(event, at?.error?.condition, at?.error?.description ?? context.error ?? '');
      process.exit(1);
    });
  }
  container.on('rejected', ({ delivery }) => {
    console.error('rejected', delivery.remote_state?.error?.description);
    process.exit(1);
  });
}

/** The text of a body, a data section or a value. */
export function textOf({ body }) {
  if (Buffer.isBuffer(body?.content)) return body.content.toString();
  return Buffer.isBuffer(body) ? body.toString() : String(body);
}

export { rhea };
