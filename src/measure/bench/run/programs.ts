import type { Stage } from './stage.ts';

/** The programs that are timed and weighed as a whole, by contender: Node's arguments. */
export interface WholePrograms {
  readonly contender: string;
  /** Makes a call, prints its answer and ends. */
  readonly call: (queue: string) => readonly string[];
  /** Consumes, and says so on stderr. */
  readonly serve: (queue: string) => readonly string[];
}

/** This project's, as they are shipped; the floor's; the tutorial's; and a Node that does nothing, for scale. */
export function wholePrograms({ options: { program } }: Stage): readonly WholePrograms[] {
  return [
    {
      contender: 'fib-worker',
      call: (queue) => [program('client.js'), '--queue', queue, '30'],
      serve: (queue) => [program('worker.js'), '--queue', queue],
    },
    {
      contender: 'floor',
      call: (queue) => [program('bench-floor.js'), 'call', queue],
      serve: (queue) => [program('bench-floor.js'), 'serve', queue],
    },
    {
      contender: 'amqplib',
      call: (queue) => [program('bench-tutorial.js'), 'call', queue],
      serve: (queue) => [program('bench-tutorial.js'), 'serve', queue],
    },
    {
      contender: 'node',
      call: () => ['-e', 'console.log(832040)'],
      serve: () => ['-e', 'console.error("consuming"); setInterval(() => {}, 1e6)'],
    },
  ];
}

/** What those that serve say on stderr. */
export const CONSUMING = /consuming/;

/** What those that call print. */
export const ANSWER = /^(?: \[\.\] Got )?832040\n$/;
