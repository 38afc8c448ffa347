import { connect } from '../src/amqp/dial.ts';
import { parseAmqpUrl } from '../src/amqp/url.ts';
import type { PrivateBroker } from '../src/rabbitmq/broker.ts';
import { until } from './processes.ts';

/** Has a node of the test's own find that it is short of memory, so that it blocks all who publish; resolves once it does. */
export async function setMemoryAlarm(broker: PrivateBroker): Promise<void> {
  await broker.ctl('set_vm_memory_high_watermark', '0.000001');
  // connections hear of it a little later, and each is told when it publishes
  const connection = await connect(parseAmqpUrl(broker.url));
  const blocked = new Promise<true>((resolve) => {
    connection.observer = { onLost() {}, onBlocked: () => resolve(true) };
  });
  const channel = await connection.openChannel();
  await until('publishers are blocked', async () => {
    await channel.basicPublish({ exchange: '', routingKey: 'nobody' }, Buffer.alloc(0));
    return Promise.race([blocked, new Promise<false>((resolve) => setTimeout(resolve, 20, false))]);
  });
  await connection.close();
}

/** Ends a memory alarm. */
export async function clearMemoryAlarm(broker: PrivateBroker): Promise<void> {
  await broker.ctl('set_vm_memory_high_watermark', '0.6');
}
