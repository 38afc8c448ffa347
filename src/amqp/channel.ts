// What the layers above see of AMQP: channels, and the messages that come and go on them.
import type { AsyncMessage, Envelope } from 'rabbitmq-client';

export type { Channel, ReturnedMessage } from 'rabbitmq-client';

/** A message that was delivered: its properties, and the body as it came. */
export type Delivery = AsyncMessage;

/** What a message is published with. */
export type MessageProperties = Envelope;
