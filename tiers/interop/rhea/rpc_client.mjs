// A client over AMQP 1.0, as RabbitMQ's own libraries for it request: a message-id, which is expected back as correlation-id, and a
// reply queue that the broker makes and names (a dynamic source).
//
// AMQP_URL and RPC_QUEUE say where; the arguments say what the body is (data, string, symbol, binary or integer), and which kind of
// reply queue: `temporary-queue`, an exclusive one, or `rabbitmq:volatile-queue`, which is Direct Reply-To.
import { connectOptions, endOnErrors, queueAddress, rhea, textOf } from './connection.mjs';

const bodies = {
  data: () => rhea.message.data_section(Buffer.from('30')),
  string: () => '30',
  symbol: () => rhea.types.wrap_symbol('30'),
  binary: () => rhea.types.wrap_binary(Buffer.from('30')),
  integer: () => rhea.types.wrap_int(30),
};
const [, , body = 'data', capability = 'temporary-queue'] = process.argv;
const container = rhea.create_container();
const wanted = rhea.generate_uuid();
endOnErrors(container);

container.once('connection_open', ({ connection }) => {
  const settled = { snd_settle_mode: 1, autoaccept: false }; // what comes is settled already
  const source = { dynamic: true, expiry_policy: 'link-detach', capabilities: [capability] };
  connection.open_receiver({ source, ...(capability === 'temporary-queue' ? {} : settled) });
});
container.once('receiver_open', ({ connection, receiver }) => {
  const replyTo = receiver.source.address;
  connection
    .open_sender({ target: { address: queueAddress(process.env.RPC_QUEUE ?? '') } })
    .once('sendable', ({ sender }) => {
      console.log(' [x] Requesting fib(30)');
      sender.send({ message_id: wanted, reply_to: replyTo, body: bodies[body]() });
    });
});
container.on('message', ({ message, connection }) => {
  if (String(message.correlation_id) !== String(wanted)) return;
  console.log(` [.] Got ${Number.parseInt(textOf(message), 10)}`);
  connection.close();
});
container.once('connection_close', () => process.exit(0));
container.connect(connectOptions());
