// A server over AMQP 1.0: the correlation id of a reply is the request's, or else its message-id.
//
// AMQP_URL and RPC_QUEUE say where; BODY says what a reply's body is: data, string or integer. The queue is there already: AMQP 1.0
// can't declare any.
import { connectOptions, endOnErrors, queueAddress, rhea, textOf } from './connection.mjs';

function fib(n) {
  let [low, high] = [0, 1];
  for (; n > 0; n--) [low, high] = [high, low + high];
  return low;
}

const bodies = {
  data: (n) => rhea.message.data_section(Buffer.from(String(n))),
  string: (n) => String(n),
  integer: (n) => rhea.types.wrap_int(n),
};
const encode = bodies[process.env.BODY ?? 'data'];
const container = rhea.create_container();
endOnErrors(container);

container.once('connection_open', ({ connection }) => {
  const replies = connection.open_sender({ target: {} }); // to wherever each message says
  replies.once('sendable', () => {
    const source = { address: queueAddress(process.env.RPC_QUEUE ?? '') };
    connection.open_receiver({ source, credit_window: 1, autoaccept: false });
  });
  container.on('message', ({ message, delivery }) => {
    const n = Number(textOf(message));
    console.log(` [.] fib(${n})`);
    const correlation_id = message.correlation_id ?? message.message_id;
    // 4.0 gives the name of a queue as a client of AMQP 0-9-1 wrote it, later versions its address
    const { reply_to: address = '' } = message;
    const to = address.startsWith('/') ? address : queueAddress(address);
    replies.send({ to, correlation_id, body: encode(fib(n)) });
    delivery.accept();
  });
});
container.once('receiver_open', () => console.log(' [x] Awaiting RPC requests'));
container.connect(connectOptions());
