import type { Caller, Implementation } from '../../src/measure/contenders/implementation.ts';

/** Callers that answer as told, for the harness alone: nothing about RabbitMQ is learnt from them. */
export class Callers {
  opened = 0;
  closed = 0;
  calls = 0;
  inFlight = 0;
  mostInFlight = 0;
  readonly #answer: (call: number, request: string) => string | Error;

  constructor(answer: (call: number, request: string) => string | Error = rightAnswer) {
    this.#answer = answer;
  }

  readonly open = (): Caller => {
    this.opened++;
    let open = true;
    return {
      call: async (request) => {
        if (!open) throw new Error('it is closed');
        this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
        const answer = this.#answer(++this.calls, request);
        await new Promise(setImmediate);
        this.inFlight--;
        if (answer instanceof Error) throw answer;
        return Buffer.from(answer);
      },
      discarded: () => (open ? 0 : 1),
      close: async () => {
        if (open) this.closed++;
        open = false;
      },
    };
  };

  /** These callers as an implementation. */
  get implementation(): Implementation {
    return {
      name: 'callers',
      detail: '',
      designs: ['direct'],
      open: this.open,
      serve: () => Promise.reject(new Error('they only call')),
    };
  }
}

/** The answer of every server of the comparison. */
export function rightAnswer(_call: number, request: string): string {
  if (request.startsWith('busy:')) return 'done';
  return request === '30' ? '832040' : 'x'.repeat(Number(request.replace('bytes:', '')));
}
