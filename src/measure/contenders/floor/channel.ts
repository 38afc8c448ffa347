import { CALL_TIMEOUT } from '../implementation.ts';
import type { FrameWriter } from './frame-writer.ts';
import { method, property } from './protocol.ts';

/** A reply's properties: what the wire contract asks for. */
const REPLY = property.contentType | property.correlationId;

/** A request's: https://www.rabbitmq.com/docs/publishers#message-properties */
const REQUEST = REPLY | property.deliveryMode | property.replyTo | property.expiration;

const TRANSIENT = 1;
const EXPIRATION = String(CALL_TIMEOUT);

// the bits of a method's last octet of flags
const MANDATORY = 1;
const EXCLUSIVE = 4;
const declareFlags = { noWait: 16 } as const;
const consumeFlags = { noAck: 2, noWait: 8 } as const;
const NO_ARGUMENTS = 0;
const MULTIPLE = 1;

/** Publishes a request as the library does: `mandatory`, transient, with an expiration. */
export function publishRequest(
  writer: FrameWriter,
  { queue, id, replyTo, body }: { queue: string; id: string; replyTo: string; body: Buffer },
): void {
  writer.method(method.basicPublish).uint16(0).text('').text(queue).uint8(MANDATORY).end();
  writer.header(body.length, REQUEST).text('text/plain').uint8(TRANSIENT).text(id).text(replyTo);
  writer.text(EXPIRATION).end();
  writer.body(body);
}

/** Publishes a reply. */
export function publishReply(writer: FrameWriter, replyTo: string, id: string, body: Buffer): void {
  writer.method(method.basicPublish).uint16(0).text('').text(replyTo).uint8(0).end();
  writer.header(body.length, REPLY).text('text/plain').text(id).end();
  writer.body(body);
}

/** Opens the writer's channel; answered by open-ok. */
export function openChannel(writer: FrameWriter): void {
  writer.method(method.channelOpen).text('').end();
}

/** Closes it; answered by close-ok. */
export function closeChannel(writer: FrameWriter): void {
  writer.method(method.channelClose).uint16(200).text('').uint16(0).uint16(0).end();
}

/** Acknowledges this delivery and all before it. */
export function ackUpTo(writer: FrameWriter, deliveryTag: number): void {
  writer.method(method.basicAck).uint64(deliveryTag).uint8(MULTIPLE).end();
}

/** Asks for at most N unacknowledged deliveries; answered by qos-ok. */
export function setPrefetch(writer: FrameWriter, count: number): void {
  writer.method(method.basicQos).uint32(0).uint16(count).uint8(0).end();
}

/** Declares an exclusive queue. With a name nobody waits for the answer; without one the broker's declare-ok gives it. */
export function declareExclusive(writer: FrameWriter, name: string): void {
  const flags = EXCLUSIVE | (name === '' ? 0 : declareFlags.noWait);
  writer.method(method.queueDeclare).uint16(0).text(name).uint8(flags).uint32(NO_ARGUMENTS).end();
}

/** Deletes a queue; answered by delete-ok. */
export function deleteQueue(writer: FrameWriter, name: string): void {
  writer.method(method.queueDelete).uint16(0).text(name).uint8(0).end();
}

/** Consumes replies: no acks, and nobody waits for the answer. The consumer's tag is the name of the queue. */
export function consumeReplies(writer: FrameWriter, queue: string): void {
  consume(writer, queue, consumeFlags.noAck | consumeFlags.noWait);
}

/** Consumes requests, to be acknowledged; answered by consume-ok. */
export function consumeRequests(writer: FrameWriter, queue: string): void {
  consume(writer, queue, 0);
}

/** Stops consuming; answered by cancel-ok, after the last delivery. */
export function cancelConsumer(writer: FrameWriter, queue: string): void {
  writer.method(method.basicCancel).text(queue).uint8(0).end();
}

function consume(writer: FrameWriter, queue: string, flags: number): void {
  writer.method(method.basicConsume).uint16(0).text(queue).text(queue).uint8(flags).uint32(NO_ARGUMENTS).end();
}
