// The floor: the least that a Node process can spend on one RPC through RabbitMQ, so that the designs can be compared
// without a library between. AMQP 0-9-1 frames are written by hand; what is said in one turn of the event loop goes out
// in one write; acks are batched (`multiple`); where a method has no-wait, nobody waits. Requests carry what the library's
// do: mandatory, content_type, delivery_mode, expiration, a long id. With a queue per request, calls in flight have a
// channel each, for a channel does one thing after the other.
//
// It is no library: it believes every octet that the broker sends, never reconnects, has no heartbeats, ignores
// connection.blocked, answers no errors, and looks once a second for calls that are too old.
import { designs, type Implementation } from '../implementation.ts';
import { FloorCaller } from './client.ts';
import { serveFloor } from './worker.ts';

/** The floor as an implementation. */
export const floor: Implementation = {
  name: 'floor',
  detail:
    'hand-written AMQP frames, client and worker: one write per turn of the event loop, acks batched, no-wait where AMQP ' +
    'has it, but for the queue per client, which the broker names as in the tutorial (a client that named its own would ' +
    'save that round trip of its set-up); nothing checked, no reconnecting, no heartbeats (which cost other ' +
    'connections two Erlang processes each); TCP_NODELAY',
  designs,
  open: (design, target) => new FloorCaller(design, target),
  serve: serveFloor,
};
