/**
 * The methods of AMQP 0-9-1 that the floor knows: class id in the upper, method id in the lower 16 bits.
 * @see https://www.rabbitmq.com/amqp-0-9-1-reference
 */
export const method = {
  connectionStart: 0x000a_000a,
  connectionStartOk: 0x000a_000b,
  connectionTune: 0x000a_001e,
  connectionTuneOk: 0x000a_001f,
  connectionOpen: 0x000a_0028,
  connectionOpenOk: 0x000a_0029,
  connectionClose: 0x000a_0032,
  connectionCloseOk: 0x000a_0033,
  channelOpen: 0x0014_000a,
  channelOpenOk: 0x0014_000b,
  channelClose: 0x0014_0028,
  channelCloseOk: 0x0014_0029,
  queueDeclare: 0x0032_000a,
  queueDeclareOk: 0x0032_000b,
  queueDelete: 0x0032_0028,
  queueDeleteOk: 0x0032_0029,
  basicQos: 0x003c_000a,
  basicQosOk: 0x003c_000b,
  basicConsume: 0x003c_0014,
  basicConsumeOk: 0x003c_0015,
  basicCancel: 0x003c_001e,
  basicCancelOk: 0x003c_001f,
  basicPublish: 0x003c_0028,
  basicReturn: 0x003c_0032,
  basicDeliver: 0x003c_003c,
  basicAck: 0x003c_0050,
} as const;

/** The kinds of frames: their first octet. */
export const frameType = { method: 1, header: 2, body: 3 } as const;

/** The last octet of every frame. */
export const FRAME_END = 0xce;

/** The octets of a frame besides its payload: type, channel and size before it, the end octet after it. */
export const FRAME_OVERHEAD = 8;

/** The bits of a content header that say which properties follow it, in this order. */
export const property = {
  contentType: 0x8000,
  contentEncoding: 0x4000,
  headers: 0x2000,
  deliveryMode: 0x1000,
  priority: 0x0800,
  correlationId: 0x0400,
  replyTo: 0x0200,
  expiration: 0x0100,
} as const;
