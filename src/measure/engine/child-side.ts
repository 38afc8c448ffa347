import { answer } from '../contenders/answer.ts';
import type { Design, Implementation, Server, Target } from '../contenders/implementation.ts';
import { DelayProxy, type GivenDelay } from '../wire/delay-proxy.ts';
import type { Endpoint } from '../wire/loopback.ts';
import { throughProxy } from '../wire/through-proxy.ts';
import { type ClientSide, clientSide } from './client-side.ts';
import { answerParent } from './parent-questions.ts';
import { type Usage, usage } from './usage.ts';

/** The questions to a child of the engine. It becomes what it is first asked to be: a client, a worker or a proxy. */
export type ChildAnswers = {
  readonly client: (one: {
    readonly implementation: string;
    readonly design: Design;
    readonly target: Omit<Target, 'queue'>;
    /** Where a proxy before the target listens, on 127.0.0.1; undefined: there is none. */
    readonly proxy: number | undefined;
  }) => void;
  readonly prepare: ClientSide['prepare'];
  readonly measure: ClientSide['measure'];
  readonly release: (nothing: undefined) => Promise<number>;
  /** Consumes a queue; resolves once it does. */
  readonly serve: (one: {
    readonly implementation: string;
    readonly target: Target;
    readonly prefetch: number;
  }) => Promise<void>;
  readonly usage: (options: { readonly collect: boolean }) => Usage;
  /** Makes the way to a broker as long as a network would; resolves to the port that it listens on, on 127.0.0.1. */
  readonly proxy: (one: { readonly to: Endpoint; readonly rtt: number }) => Promise<number>;
  /** The round-trip time that it really gave. */
  readonly given: (nothing: undefined) => GivenDelay | undefined;
};

/** Answers the parent, until the channel to it closes; then what serves drains, and the process ends. */
export function answerAsChild(implementations: Readonly<Record<string, Implementation>>): void {
  let side: ClientSide | undefined;
  let server: Server | undefined;
  let proxy: DelayProxy | undefined;
  const known = (name: string): Implementation => {
    const found = implementations[name];
    if (!found) throw new Error(`no implementation ${name}`);
    return found;
  };
  const client = (): ClientSide => {
    if (!side) throw new Error('it is no client');
    return side;
  };
  process.once('disconnect', async () => {
    await server?.close();
    process.exit(0);
  });
  answerParent({
    client({ implementation, design, target, proxy: port }) {
      side = clientSide(known(implementation), design, port === undefined ? target : throughProxy(target, port));
    },
    prepare: (turn) => client().prepare(turn),
    measure: (length) => client().measure(length),
    release: () => client().release(),
    async serve({ implementation, target, prefetch }) {
      const onEnd = (error: Error) => {
        process.stderr.write(`${error.message}\n`);
        process.exit(1);
      };
      server = await known(implementation).serve(target, { prefetch, answer, onEnd });
    },
    usage,
    async proxy({ to, rtt }) {
      const opened = await DelayProxy.open(to, rtt);
      proxy = opened.proxy;
      return opened.port;
    },
    given: () => proxy?.given(),
  } satisfies ChildAnswers);
}
