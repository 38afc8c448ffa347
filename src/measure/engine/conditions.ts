import os from 'node:os';
import { CALL_TIMEOUT } from '../contenders/implementation.ts';
import type { MeasureDocument, NamedLine } from '../document/document.ts';
import { figure } from '../report/text-table.ts';
import type { GivenDelay } from '../wire/delay-proxy.ts';
import { SMALL } from './attempt.ts';

/** Under what conditions a run was made, beside the plan itself. */
export interface Conditions {
  readonly question: MeasureDocument['question'];
  /** Which broker, and where it came from, its version included; no password. */
  readonly broker: string;
  /** Its platform by its own account, as in `Erlang/OTP 27.3`; empty if it gives none. */
  readonly runsOn: string;
  /** The host name or address that the clients connect to. */
  readonly host: string;
  readonly tls: boolean;
  /** On a cluster: the nodes that clients and worker are connected to. */
  readonly nodes: { readonly clients: string; readonly worker: string } | undefined;
  /** The time that a proxy added to every round trip of the clients, in ms, asked for and by its own account; undefined: none. */
  readonly rtt: { readonly asked: number; readonly given: GivenDelay | undefined } | undefined;
  /** The request queue's type; it is always durable. */
  readonly queueType: string;
  /** The workers', unless a scenario says another. */
  readonly prefetch: number;
  /** How long a turn is, in ms, or how many calls, and what decided how many rounds there were. */
  readonly turn: string;
  readonly rounds: string;
  /** The source of the broker's own figures; undefined if there is none. */
  readonly metrics: string | undefined;
  /** Whether its processor time could be read. */
  readonly brokerCpu: boolean;
  readonly machine: Machine;
}

/** The machine that clients and workers run on. */
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

/** Whether others are at work here, so that intervals get wide. */
export function isBusy({ load, cores }: Machine): boolean {
  return load > cores / 2;
}

/** The conditions for people: name and value. */
export function conditionLines(conditions: Conditions): NamedLine[] {
  const { question, broker, runsOn, host, tls, nodes, rtt, queueType, prefetch, metrics, machine } = conditions;
  const { node, platform, cores, processor, load } = machine;
  const local = /^(localhost|127\..*|::1)$/.test(host);
  const where = local ? 'loopback: round trips cost next to nothing, on a real network they add up' : `to ${host}`;
  const delayed =
    rtt &&
    `a proxy on this machine adds ${rtt.asked} ms to every round trip of the clients${given(rtt.given)}; the workers are not behind it`;
  const designs: NamedLine[] = [
    [
      'reply queues',
      'exclusive: one for each client, named by the broker, an exclusive classic queue (fib-worker’s are auto-delete as well); ' +
        'per-request: such a one for each call in flight, on a channel of its own that is used again once the queue is deleted: ' +
        'while one is deleted the next call takes another, so up to twice as many as calls in flight, 1,000 at most (the floor’s ' +
        'queues have names of its own, which it does not wait for); direct: none, amq.rabbitmq.reply-to',
    ],
  ];
  const cluster: NamedLine[] = nodes
    ? [
        [
          'nodes',
          `clients at ${nodes.clients}, worker and request queue at ${nodes.worker}; a classic queue has one replica, a client’s reply ` +
            'queue is at its node; the broker’s figures are sums over the nodes' +
            (local ? '; all nodes are on this machine, with no network between them' : ''),
        ],
        [
          'queues across nodes',
          'from RabbitMQ 4.2 on a queue counts as declared once a majority of the nodes knows it: a worker on another one may ' +
            'answer before its own does, the broker then drops the reply unseen and the call times out. It strikes a queue ' +
            'per request and the first call of a queue per client, never Direct Reply-To; fib-worker’s worker sends such a ' +
            'reply again, the floor’s and the peers’ do not',
        ],
      ]
    : [];
  return [
    ['broker', runsOn ? `${broker}, on ${runsOn}` : broker],
    ...cluster,
    ['network', `${delayed ?? where}; TCP_NODELAY on${tls ? '; over TLS' : ''}`],
    ['rounds', conditions.rounds],
    ['turn', conditions.turn],
    ['request queues', `${queueType}, durable, one for each worker`],
    [
      'messages',
      'requests transient, mandatory, with an expiration; replies transient; no publisher confirms; reply consumers no-ack',
    ],
    ...(question === 'designs' ? designs : []),
    [
      'processes',
      `each contender’s clients and each worker are a process of their own; prefetch ${prefetch} unless said otherwise: of more calls in flight the ` +
        'rest wait in the queue; those whose turn it is not stand idle',
    ],
    ['calls', `${CALL_TIMEOUT / 1000} s time limit, no retry`],
    [
      'payload',
      `fib(${SMALL.request}) unless said otherwise: ${SMALL.request.length} bytes out, ${SMALL.expected.length} back; every reply is checked`,
    ],
    ['metrics', metrics ?? 'not available: it has no Prometheus or management endpoint within reach'],
    [
      'broker’s processor time',
      conditions.brokerCpu
        ? 'of its process here, from /proc'
        : 'not available: it is not on this machine, or another user’s',
    ],
    ['machine', `Node ${node}, ${platform}${processor && `, ${processor}`}`],
    [
      'cores',
      `${cores}, shared by clients and workers${local ? ' and, on this machine, the broker' : ''}; load average before the start ${load.toFixed(1)}${isBusy(machine) ? ': others were at work, so intervals are wider' : ''}`,
    ],
  ];
}

/** A proxy's timers are late. */
function given(delay: GivenDelay | undefined): string {
  return delay ? `: by its own account ${figure(delay.median)} ms (median), ${figure(delay.p99)} ms (p99)` : '';
}
