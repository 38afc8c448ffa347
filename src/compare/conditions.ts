import os from 'node:os';
import { EXPECTED_REPLY, REQUEST } from './attempt.ts';
import { CALL_TIMEOUT } from './caller.ts';

/** Under what conditions a comparison ran, beside the plan itself. */
export interface Conditions {
  /** Which broker, and where it came from, its version included; no password. */
  readonly broker: string;
  /** The broker's host name or address. */
  readonly host: string;
  /** The request queue; it is always durable. */
  readonly queue: { readonly name: string; readonly type: string };
  /** The worker's, the same for every design. */
  readonly prefetch: number;
  /** What both programs are: `0.1.0`. */
  readonly version: string;
  readonly machine: Machine;
}

/** What client and worker run on. */
export interface Machine {
  /** As in `v20.20.2`. */
  readonly node: string;
  readonly platform: string;
  readonly cores: number;
  /** The processor's name; empty if it is not told. */
  readonly processor: string;
  /** How many processes wanted to run before the comparison began: the 1-minute load average. */
  readonly load: number;
}

/** This machine, at this moment. */
export function thisMachine(): Machine {
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: os.availableParallelism(),
    processor: os.cpus()[0]?.model.trim() ?? '',
    load: os.loadavg()[0] ?? 0,
  };
}

/** The conditions for people: name and value, a line each. */
export function conditionLines(conditions: Conditions): readonly (readonly [string, string])[] {
  const { broker, host, queue, prefetch, version, machine } = conditions;
  const { node, platform, cores, processor, load } = machine;
  const local = /^(localhost|127\..*|::1)$/.test(host);
  return [
    ['broker', broker],
    [
      'network',
      `${local ? 'loopback: round trips cost next to nothing, on a real network they add up' : `to ${host}`}; TCP_NODELAY on`,
    ],
    ['request queue', `${queue.name}, ${queue.type}, durable; requests are transient and expire`],
    ['worker', `fib-worker ${version}, one process, prefetch ${prefetch} for every design`],
    ['client', `fib-worker ${version}, one process, one connection; ${CALL_TIMEOUT / 1000} s time limit, no retry`],
    ['payload', `fib(${REQUEST}): ${REQUEST.length} bytes out, ${EXPECTED_REPLY.length} back, every reply checked`],
    ['loop', 'closed: a caller waits for its reply before it calls again, so a slow broker is asked less'],
    ['machine', `Node ${node}, ${platform}${processor && `, ${processor}`}`],
    [
      'cores',
      `${cores}, shared by client and worker${local ? ' and, on this machine, the broker' : ''}; load average before the start ${load.toFixed(1)}`,
    ],
  ];
}
