// An SDK of OpenTelemetry for `node --import`: it prints the spans that it exports, which it does when it is told to and no sooner.
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const exporter = {
  export(spans, done) {
    for (const { name, kind, parentSpanContext } of spans)
      process.stdout.write(`${JSON.stringify({ name, kind, parent: parentSpanContext?.spanId })}\n`);
    done({ code: 0 });
  },
  shutdown: async () => {},
};

new NodeTracerProvider({
  spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: 2 ** 31 - 1 })],
}).register();
