import type { PrivateBroker } from '../src/rabbitmq/broker.ts';
import { freePorts } from '../src/rabbitmq/ports.ts';

/** Erlang that has a broker listen at one more address. The functions take one argument more in newer versions. */
export function startListener(how: 'start_tcp_listener' | 'start_ssl_listener', ...args: string[]): string {
  return `case erlang:function_exported(rabbit_networking, ${how}, ${args.length}) of
    true -> rabbit_networking:${how}(${args.join(', ')});
    false -> rabbit_networking:${how}(${args.join(', ')}, 1)
  end`;
}

/**
 * Has a broker listen by TLS on loopback as well, until it ends, with files of this machine; gives the port, or undefined
 * where the broker is one in Docker, whose files and ports are not this machine's.
 */
export async function listenByTls(
  broker: Pick<PrivateBroker, 'ctl'>,
  files: { readonly ca: string; readonly cert: string; readonly key: string },
  { askForCertificate = false } = {},
): Promise<number | undefined> {
  const [port = 0] = await freePorts(1);
  const [ca, cert, key] = [files.ca, files.cert, files.key].map((file) => JSON.stringify(file));
  const verify = askForCertificate ? 'verify_peer' : 'verify_none';
  const options = `[{cacertfile, ${ca}}, {certfile, ${cert}}, {keyfile, ${key}},
    {verify, ${verify}}, {fail_if_no_peer_cert, ${askForCertificate}}]`;
  const answer = await broker.ctl(
    'eval',
    `case filelib:is_regular(${key}) of
       true ->
         {ok, _} = application:ensure_all_started(ssl),
         ${startListener('start_ssl_listener', `{"127.0.0.1", ${port}, inet}`, options, '2')};
       false -> elsewhere
     end.`,
  );
  return answer.includes('elsewhere') ? undefined : port;
}
