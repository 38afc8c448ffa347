import { metrics, trace } from '@opentelemetry/api';
import { openTelemetry } from '../../opentelemetry.ts';
import { within } from '../../protocol/waiting.ts';
import type { WorkerTelemetry } from '../../worker/worker.ts';

/** How long the end of the worker waits for its last spans to be exported, in ms: the grace of its requests is used up then. */
const FLUSH_TIMEOUT = 1_000;

/** The OpenTelemetry SDK that runs in this process. */
export interface RunningSdk {
  readonly telemetry: WorkerTelemetry;
  /** Exports what it keeps, as far as that can be done in a second. */
  flush(): Promise<void>;
}

/** Takes the SDK that is registered with OpenTelemetry's API. */
export function useSdk(): RunningSdk {
  return {
    telemetry: openTelemetry(),
    async flush() {
      const providers = [tracerProvider(), metrics.getMeterProvider()];
      // what an exporter fails with, the SDK has told by a log of its own
      await within(FLUSH_TIMEOUT, Promise.allSettled(providers.map(flush)));
    },
  };
}

/** The SDK's own, behind the API's proxy, which may be that of another copy of the API. */
function tracerProvider(): object {
  const provider: object = trace.getTracerProvider();
  return 'getDelegate' in provider && typeof provider.getDelegate === 'function' ? provider.getDelegate() : provider;
}

/** An SDK's providers can do that; the API does not ask it of them. */
async function flush(provider: object): Promise<void> {
  if ('forceFlush' in provider && typeof provider.forceFlush === 'function') await provider.forceFlush();
}
