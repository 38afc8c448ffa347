import { setMaxListeners } from 'node:events';
import { answer } from '../src/measure/contenders/answer.ts';
import type { Caller, Design, Implementation, Server, Target } from '../src/measure/contenders/implementation.ts';
import { type ImplementationName, implementations } from '../src/measure/contenders/index.ts';
import { amqpUrl } from './broker.ts';
import type { Scope } from './rpc.ts';

/** An implementation with one of its designs. */
export interface Case {
  readonly name: ImplementationName;
  readonly design: Design;
  readonly implementation: Implementation;
}

/** Every implementation with every design that it has. */
export const cases: readonly Case[] = Object.entries(implementations).flatMap(([name, implementation]) =>
  (implementation as Implementation).designs.map((design) => ({
    name: name as ImplementationName,
    design,
    implementation,
  })),
);

/** The queue of a test's requests, and its broker. */
export function target(queue: string, url = amqpUrl()): Target {
  return { url, tls: undefined, queue };
}

/** A caller, closed when the test is over. */
export function openCaller(t: Scope, { implementation, design }: Omit<Case, 'name'>, to: Target): Caller {
  const caller = implementation.open(design, to);
  t.after(() => caller.close());
  return caller;
}

/** A server with the comparison's answers, closed when the test is over; `ended` holds what it was told by `onEnd`. */
export async function startServer(
  t: Scope,
  { implementation }: Pick<Case, 'implementation'>,
  to: Target,
  prefetch = 50,
): Promise<Server & { readonly ended: readonly Error[] }> {
  const ended: Error[] = [];
  const server = await implementation.serve(to, { prefetch, answer, onEnd: (error) => void ended.push(error) });
  t.after(() => server.close());
  return { close: () => server.close(), ended };
}

/** A signal that nobody aborts. */
export const never: AbortSignal = new AbortController().signal;
setMaxListeners(0, never); // the library listens once for each call
