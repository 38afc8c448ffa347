// What compare.js starts for --rtt; not for users. It makes the way to a broker as long as a network would:
//
//   node compare-proxy.js --to HOST:PORT --rtt MS
//
// A JSON line on standard output names the port that it listens on, on 127.0.0.1: {"port":40123}. When standard input
// ends it says what round-trip time it really gave, {"given":{…}}, and exits.
import { parseArgs } from 'node:util';
import { DelayProxy } from '../../measure/wire/delay-proxy.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { to: { type: 'string' }, rtt: { type: 'string' } } });
  const [, hostname, port] = /^(.+):(\d+)$/.exec(values.to ?? '') ?? [];
  if (!hostname) throw new Error(`--to: expected HOST:PORT, got '${values.to ?? ''}'`);
  const rtt = Number(values.rtt);
  if (!(rtt > 0)) throw new Error(`--rtt: expected a number of ms above 0, got '${values.rtt ?? ''}'`);
  const { proxy, port: own } = await DelayProxy.open({ hostname, port: Number(port) }, rtt);
  say({ port: own });
  process.stdin.resume().once('end', () => {
    say({ given: proxy.given() });
    void proxy.close();
  });
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

process.stdout.on('error', () => {}); // whoever started it is gone: standard input ends, too
main().catch((error: unknown) => {
  process.stderr.write(`compare-proxy: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
