import type { PrivateBroker, PrivateBrokerOptions } from './broker.ts';
import { startContainer } from './docker.ts';
import { findInstalled } from './installed.ts';
import { startNode } from './node.ts';
import { findOrUnpack } from './unpacked.ts';

/** Ways to a RabbitMQ of our own, in the order they are tried. Each gives undefined where it is not to be had. */
const ways: Readonly<Record<string, (options: PrivateBrokerOptions) => Promise<PrivateBroker | undefined>>> = {
  'the installed RabbitMQ': async (options) => {
    const installation = await findInstalled();
    return installation && startNode(installation, options);
  },
  'RabbitMQ in Docker': startContainer,
  "RabbitMQ's packages": startUnpacked,
};

async function startUnpacked(options: PrivateBrokerOptions): Promise<PrivateBroker | undefined> {
  const installation = await findOrUnpack(options);
  return installation && startNode(installation, options);
}

/**
 * Starts a RabbitMQ of our own: an installed one, else in Docker, else out of Debian's or Ubuntu's packages. A way that is
 * there but fails is named, and the next is tried. With a `version` it is always the packages of the Debian suite that
 * carries it.
 *
 * @throws an Error that says what would help if there is no way; the signal's reason if it was aborted
 */
export async function startPrivateBroker(options: PrivateBrokerOptions): Promise<PrivateBroker> {
  if (options.version) {
    const broker = await startUnpacked(options);
    if (!broker)
      throw new Error(`RabbitMQ ${options.version} comes out of Debian's packages, and there is no apt here`);
    return broker;
  }
  for (const [name, start] of Object.entries(ways)) {
    try {
      const broker = await start(options);
      if (broker) return broker;
    } catch (error) {
      options.signal?.throwIfAborted();
      const [firstLine = ''] = (error as Error).message.split('\n');
      options.say(`${name} can't be used: ${firstLine}`);
    }
  }
  throw new Error(
    'no RabbitMQ found, and none could be started. One of these would help:\n' +
      '  AMQP_URL=amqp://user:password@host:5672 in the environment, if there is one somewhere\n' +
      '  docker run --rm -p 127.0.0.1:5672:5672 rabbitmq:4\n' +
      '  sudo apt-get install rabbitmq-server      (Debian, Ubuntu)\n' +
      '  brew install rabbitmq                     (macOS)',
  );
}
