import { Channel as LibraryChannel, type Rpc } from 'rabbitmq-client/lib/Channel.js';
import { Cmd, encodeFrame, ReplyCode } from 'rabbitmq-client/lib/codec.js';
import type { AmqpConnection } from './amqp-connection.ts';
import { AmqpError, unexpectedFrame } from './amqp-error.ts';
import type { Channel, ConsumerOptions, Delivery, MessageProperties } from './channel.ts';
import type { HandOver } from './hand-over.ts';
import { type CompleteMessage, IncomingDelivery, IncomingReturn, MessageReader } from './message-reader.ts';
import { writeMessage, writeSettlement } from './message-writer.ts';
import { type CloseArguments, readAnnounced, readArguments, readClose, readConsumerTag } from './method-reader.ts';
import type { Outbox } from './outbox.ts';

/** The parts of a connection that its channels share. */
export interface ChannelContext {
  readonly connection: AmqpConnection;
  readonly outbox: Outbox;
  readonly handOver: HandOver;
  readonly maxBodyBytes: number;
}

/**
 * rabbitmq-client's channel, which pairs methods with their answers. All that it says goes through the connection's outbox,
 * and what comes is read here.
 */
export class AmqpChannel extends LibraryChannel implements Channel {
  readonly reader: MessageReader;
  readonly #context: ChannelContext;
  readonly #consumers = new Map<string, (message: Delivery) => void>();
  /** Whether it has had a consumer that acks nothing, and one that acks. */
  #noAck = false;
  #acks = false;
  /** Consumer tags that were made up. */
  #madeUp = 0;

  constructor(id: number, context: ChannelContext) {
    super(id, context.connection, true);
    this.#context = context;
    this.reader = new MessageReader(context.maxBodyBytes, (message) => this.#onMessage(message));
  }

  publish(message: MessageProperties, body: Uint8Array): void {
    if (!this.active) throw closedError();
    const { outbox, connection } = this.#context;
    writeMessage(outbox, this.id, message, body, connection.frameMax);
  }

  async basicPublish(message: MessageProperties, body: Uint8Array): Promise<void> {
    this.publish(message, body);
  }

  beforeWrite(callback: () => void): void {
    this.#context.outbox.beforeWrite(callback);
  }

  basicAck({ deliveryTag, multiple }: { deliveryTag: number; multiple?: boolean }): void {
    this.#settle(Cmd.BasicAck, deliveryTag, multiple ? 1 : 0);
  }

  basicNack({ deliveryTag, requeue }: { deliveryTag: number; requeue: boolean }): void {
    this.#settle(Cmd.BasicNack, deliveryTag, requeue ? 2 : 0);
  }

  async basicConsume(
    { nowait = false, ...options }: ConsumerOptions,
    onMessage: (message: Delivery) => void,
  ): Promise<{ consumerTag: string }> {
    const consumerTag = options.consumerTag ?? `consumer-${++this.#madeUp}`;
    const consumer = { ...options, consumerTag, nowait, rsvp1: 0 };
    if (options.noAck) this.#noAck = true;
    else this.#acks = true;
    this.#consumers.set(consumerTag, onMessage); // before its first delivery, which may come right behind the answer
    if (nowait) this._invokeNowait(Cmd.BasicConsume, consumer);
    else await this._invoke(Cmd.BasicConsume, Cmd.BasicConsumeOK, consumer);
    return { consumerTag };
  }

  override async basicCancel(consumer: string | { readonly consumerTag: string }): Promise<{ consumerTag: string }> {
    const answer = await super.basicCancel(consumer);
    await new Promise<void>((resolve) => this.#context.handOver.add(resolve));
    this.#consumers.delete(answer.consumerTag);
    return answer;
  }

  override async close(): Promise<void> {
    if (!this.active) return;
    // rabbitmq-client waits for ever for the answer if the connection is lost meanwhile
    await Promise.race([super.close(), new Promise<void>((resolve) => this.once('close', resolve))]);
  }

  /** A method whose arguments lie from `start` to `end`. */
  receive(method: number, octets: Buffer, start: number, end: number): void {
    if (this.reader.busy) throw unexpectedFrame('a method in the middle of a message');
    const message = readAnnounced(method, octets, start, end);
    if (message) this.reader.begin(message);
    else if (method === Cmd.ChannelClose) this.#closedByBroker(readClose(octets, start, end));
    else if (method === Cmd.BasicCancel) this.#cancelledByBroker(readConsumerTag(octets, start, end));
    else if (method === Cmd.ChannelCloseOK && this._state.rpc?.[1] !== Cmd.ChannelClose)
      return; // the channel that had this number before was closed by both ends at once
    else if (method === Cmd.BasicGetEmpty) this.#answer(Cmd.BasicGetOK, undefined);
    else this.#answer(method, readArguments(method, octets, start, end));
  }

  #onMessage(message: CompleteMessage): void {
    if (!this.active) return;
    const { handOver } = this.#context;
    if (message instanceof IncomingDelivery) {
      const consumer = this.#consumers.get(message.consumerTag);
      if (consumer) handOver.add(() => consumer(message));
    } else if (message instanceof IncomingReturn) {
      handOver.add(() => this.emit('basic.return', message));
    } else {
      this.#answer(Cmd.BasicGetOK, message);
    }
  }

  #answer(method: number, params: object | undefined): void {
    // before rabbitmq-client looks, which would forget who waits for another one
    if (this._state.rpc?.[2] !== method)
      throw unexpectedFrame(`an answer (${Cmd[method] ?? method}) that nobody waits for`);
    this._handleRPC(method, params);
  }

  #cancelledByBroker(consumerTag: string): void {
    this.#consumers.delete(consumerTag);
    this.#context.handOver.add(() => this.emit('basic.cancel', consumerTag)); // behind what was delivered before
  }

  #closedByBroker({ replyCode, replyText, methodId }: CloseArguments): void {
    this.active = false;
    this._conn._writeMethod({ type: 1, channelId: this.id, methodId: Cmd.ChannelCloseOK, params: undefined });
    const blamed = Cmd[methodId];
    const message = blamed === undefined ? replyText : `${blamed}: ${replyText}`;
    const error = new AmqpError(ReplyCode[replyCode] ?? String(replyCode), message);
    const { rpc } = this._state;
    if (rpc && rpc[1] === methodId) {
      this._state.rpc = undefined;
      rpc[0].reject(error);
    } else {
      this.emit('error', error);
    }
    this._clear();
  }

  #settle(method: number, deliveryTag: number, bits: number): void {
    if (!this.active) throw closedError();
    writeSettlement(this.#context.outbox, this.id, method, deliveryTag, bits);
  }

  override _rpcNext([deferred, request, response, frames = []]: Rpc): void {
    this._state.rpc = [deferred, request, response];
    try {
      for (const frame of frames) this.#context.outbox.copy(frame);
    } catch (error) {
      this._state.rpc = undefined;
      deferred.reject(error);
      void this.close();
    }
  }

  override _invokeNowait(methodId: number, params: object): void {
    if (!this.active) throw closedError();
    this.#context.outbox.copy(encodeFrame({ type: 1, channelId: this.id, methodId, params }));
  }

  override _clear(error?: Error): void {
    // a message that needs no ack would be lost; any other is delivered again
    if (this.#noAck && !this.#acks) this.#context.handOver.flush();
    this.#consumers.clear();
    super._clear(error);
  }
}

function closedError(): AmqpError {
  return new AmqpError('CH_CLOSE', 'channel is closed');
}
