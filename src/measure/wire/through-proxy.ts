import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { parseAmqpUrl } from '../../amqp/url.ts';
import type { Target } from '../contenders/implementation.ts';

type Way = Pick<Target, 'url' | 'tls'>;

/**
 * The same target by way of a proxy on this machine's loopback interface. Over TLS the broker's certificate is still
 * checked against the broker's name.
 */
export function throughProxy<T extends Way>(target: T, port: number): Omit<T, keyof Way> & Way {
  const url = new URL(target.url);
  url.host = `127.0.0.1:${port}`;
  const { tls, hostname } = parseAmqpUrl(target.url);
  if (!tls) return { ...target, url: url.href };
  const identity = isIP(hostname)
    ? // an address is no server name: RFC 6066, section 3
      {
        checkServerIdentity: (_: string, cert: Parameters<typeof checkServerIdentity>[1]) =>
          checkServerIdentity(hostname, cert),
      }
    : { servername: hostname };
  return { ...target, url: url.href, tls: { ...identity, ...target.tls } };
}
