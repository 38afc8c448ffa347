import type { PrivateBroker, PrivateBrokerOptions } from './broker.ts';
import { startContainer } from './docker.ts';
import { findInstalled } from './installed.ts';
import { startNode } from './node.ts';
import { findOrUnpack } from './unpacked.ts';

/** Ways to a RabbitMQ of our own, in the order they are tried. Each gives undefined where it is not to be had. */
const ways: Readonly<Record<string, (options: PrivateBrokerOptions) => Promise<PrivateBroker | undefined>>> = {
  'the installed RabbitMQ': async (options) => {
    const installation = options.version === undefined ? await findInstalled() : undefined;
    return installation && startNode(installation, options);
  },
  "RabbitMQ's packages": async (options) => {
    const installation = await findOrUnpack(options);
    return installation && startNode(installation, options);
  },
  'RabbitMQ in Docker': startContainer,
};

/**
 * Starts a RabbitMQ of our own: an installed one unless a `version` is asked for, else out of Debian's or Ubuntu's packages, else in
 * Docker. A way that is there but fails is named, and the next is tried.
 *
 * @throws an Error that says what would help if there is no way; the signal's reason if it was aborted
 */
export async function startPrivateBroker(options: PrivateBrokerOptions): Promise<PrivateBroker> {
  const { version, say, signal } = options;
  for (const [name, start] of Object.entries(ways)) {
    try {
      const broker = await start(options);
      if (broker) return broker;
    } catch (error) {
      signal?.throwIfAborted();
      const [firstLine = ''] = (error as Error).message.split('\n');
      say(`${name} can't be used: ${firstLine}`);
    }
  }
  throw new Error(
    `no RabbitMQ${version === undefined ? '' : ` ${version}`} could be started. One of these would help:\n` +
      (version === undefined
        ? '  sudo apt-get install rabbitmq-server      (Debian, Ubuntu), brew install rabbitmq      (macOS)\n'
        : '') +
      '  Debian or Ubuntu with apt, whose packages are unpacked without root (versions 3.10, 4.0, 4.3)\n' +
      '  a Docker engine, and `docker` on the PATH',
  );
}
