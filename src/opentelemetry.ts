// The export `fib-worker/opentelemetry`: traces and metrics of calls and requests, by way of OpenTelemetry's API.
import {
  type Attributes,
  type Context,
  context,
  type Histogram,
  type MeterOptions,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { CallTelemetry, ClientTelemetry, RpcClient, WatchedCall } from './client/client.ts';
import { isRpcError, isWorkerFault, type RpcError, type RpcErrorCode } from './protocol/errors.ts';
import type { RejectReason, RequestTelemetry, WatchedRequest, WorkerTelemetry } from './worker/worker.ts';

/** Who tells it: the instrumentation scope. */
const SCOPE = 'fib-worker';

/** The conventions that names and attributes follow. */
const conventions = { schemaUrl: 'https://opentelemetry.io/schemas/1.45.0' } satisfies MeterOptions;

/** Upper bounds of the durations' buckets, in s, as the conventions advise. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The longest description of a span's status, in UTF-16 units: a worker may send an error reply as long as it likes. */
const MAX_DESCRIPTION = 1_024;

/**
 * Traces and measures calls and requests by the global providers of `@opentelemetry/api`, for the option `telemetry` of
 * clients and workers. To be called once, after the SDK was started: what an SDK measures is settled here. Without an SDK it
 * does next to nothing.
 * @see https://opentelemetry.io/docs/specs/semconv/rpc/
 */
export function openTelemetry(): ClientTelemetry & WorkerTelemetry {
  const version = process.env.FIB_WORKER_VERSION;
  const tracer = trace.getTracerProvider().getTracer(SCOPE, version, conventions);
  const meter = metrics.getMeter(SCOPE, version, conventions);
  const histogram = (name: string, description: string): Histogram =>
    meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries: BUCKETS } });
  const callDuration = histogram('rpc.client.call.duration', 'From a call to its reply, or its failure.');
  const requestDuration = histogram('rpc.server.call.duration', 'From the delivery of a request to its reply.');
  const discarded = meter.createCounter('fib_worker.client.discarded_replies', {
    unit: '{reply}',
    description: 'Replies that nobody waited for.',
  });
  // a client that nobody has any more need not have been closed
  const clients = new Set<WeakRef<RpcClient>>();
  meter
    .createObservableUpDownCounter('fib_worker.client.calls', {
      unit: '{call}',
      description: 'Calls that have not settled: those in flight, and those that wait to be sent.',
    })
    .addCallback((result) => {
      let inFlight = 0;
      let waiting = 0;
      for (const client of clients) {
        const stats = client.deref()?.stats();
        if (!stats) clients.delete(client);
        inFlight += stats?.inFlight ?? 0;
        waiting += stats?.waiting ?? 0;
      }
      result.observe(inFlight, { state: 'in-flight' });
      result.observe(waiting, { state: 'waiting' });
    });
  return {
    client(client) {
      clients.add(new WeakRef(client));
      client.on('discarded', ({ reason }) => discarded.add(1, { reason }));
    },
    call: (call) => new TracedCall(tracer, callDuration, call),
    request: (request) => new TracedRequest(tracer, requestDuration, request),
  };
}

class TracedCall implements CallTelemetry {
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly #duration: Histogram;
  readonly #attributes: Attributes;
  readonly #span: Span;
  readonly #began = performance.now();

  constructor(tracer: Tracer, duration: Histogram, { queue, hostname, port }: WatchedCall) {
    this.#duration = duration;
    this.#attributes = attributesOf(queue);
    if (hostname !== undefined) Object.assign(this.#attributes, { 'server.address': hostname, 'server.port': port });
    const caller = context.active();
    this.#span = tracer.startSpan(queue, { kind: SpanKind.CLIENT, attributes: this.#attributes }, caller);
    const headers: Record<string, string> = {};
    propagation.inject(trace.setSpan(caller, this.#span), headers);
    this.headers = Object.keys(headers).length > 0 ? headers : undefined;
  }

  retried({ code }: RpcError): void {
    this.#span.addEvent('retry', { 'error.type': code });
  }

  answered(): void {
    this.#end({ 'rpc.status_code': 'OK' });
  }

  failed(error: unknown): void {
    const code = isRpcError(error) ? error.code : undefined;
    const { name, message } = error instanceof Error ? error : { name: '_OTHER', message: '' };
    fail(this.#span, String(message)); // a class of somebody's own may have anything there
    this.#end(code ? { 'rpc.status_code': code, 'error.type': code } : { 'error.type': String(name) });
  }

  #end(outcome: Attributes): void {
    this.#duration.record((performance.now() - this.#began) / 1_000, { ...this.#attributes, ...outcome });
    this.#span.setAttributes(outcome).end();
  }
}

class TracedRequest implements RequestTelemetry {
  readonly #duration: Histogram;
  readonly #attributes: Attributes;
  readonly #span: Span;
  readonly #caller: Context;
  readonly #began = performance.now();

  constructor(tracer: Tracer, duration: Histogram, request: WatchedRequest) {
    const { queue, headers, correlationId, redelivered } = request;
    this.#duration = duration;
    this.#attributes = attributesOf(queue);
    this.#caller = callerContext(headers ?? {});
    const attributes = { ...this.#attributes, 'messaging.message.conversation_id': correlationId };
    this.#span = tracer.startSpan(queue, { kind: SpanKind.SERVER, attributes }, this.#caller);
    if (redelivered) this.#span.addEvent('redelivered');
  }

  run<T>(run: () => T): T {
    return context.with(trace.setSpan(this.#caller, this.#span), run);
  }

  answered(code: RpcErrorCode | 'OK', detail: string): void {
    const outcome: Attributes = { 'rpc.status_code': code };
    if (isWorkerFault(code)) {
      outcome['error.type'] = code;
      fail(this.#span, detail);
    }
    this.#duration.record((performance.now() - this.#began) / 1_000, { ...this.#attributes, ...outcome });
    this.#span.setAttributes(outcome).end();
  }

  unanswered(why: RejectReason | 'cancelled' | 'abandoned'): void {
    if (why === 'cancelled') {
      this.#span.setAttribute('rpc.status_code', 'CANCELLED').end(); // no fault of the worker's
      return;
    }
    fail(this.#span, '');
    this.#span.setAttribute('error.type', why).end();
  }
}

/** The attributes of a call or a request, on its span and on its measurement. */
function attributesOf(queue: string): Attributes {
  return { 'rpc.system.name': 'rabbitmq', 'rpc.method': queue };
}

/** The context that a request's headers carry: anyone may have written them, and a propagator may choke on that. */
function callerContext(headers: Readonly<Record<string, unknown>>): Context {
  try {
    // not into the active context: that is the one in which the worker connected
    return propagation.extract(ROOT_CONTEXT, headers, strings);
  } catch {
    return ROOT_CONTEXT;
  }
}

function fail(span: Span, message: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: message.slice(0, MAX_DESCRIPTION) });
}

/** Headers of a request, which anyone may have written: only texts are taken. */
const strings: TextMapGetter<Readonly<Record<string, unknown>>> = {
  keys: (headers) => Object.keys(headers),
  get(headers, name) {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    return typeof value === 'string' ? value : undefined;
  },
};
