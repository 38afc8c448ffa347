import { AmqpError, frameError } from './amqp-error.ts';
import { MAX_FRAME_SIZE } from './frame-reader.ts';

/** Gives what a socket reads until it is logged in, in portions that are asked for one at a time. */
export class LoginReader {
  #chunks: Buffer[] = [];
  #length = 0;
  #asked: { readonly octets: number; resolve(octets: Buffer): void; reject(error: Error): void } | undefined;
  #ended = false;

  /** What the socket has read is copied. */
  read(chunk: Buffer): void {
    if (this.#length > MAX_FRAME_SIZE) throw frameError('not AMQP 0-9-1'); // nothing is sent unasked then
    this.#chunks.push(Buffer.from(chunk));
    this.#length += chunk.length;
    this.#give();
  }

  /** The next octets. Rejects with the code READ_END once the socket has ended. */
  take(octets: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#asked = { octets, resolve, reject };
      this.#give();
    });
  }

  /** The octets that were read and not taken. */
  rest(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** To be called when the socket has ended. */
  end(): void {
    this.#ended = true;
    this.#give();
  }

  #give(): void {
    const asked = this.#asked;
    if (!asked) return;
    if (this.#length >= asked.octets) {
      const all = Buffer.concat(this.#chunks);
      this.#asked = undefined;
      this.#chunks = [all.subarray(asked.octets)];
      this.#length -= asked.octets;
      asked.resolve(all.subarray(0, asked.octets));
    } else if (this.#ended) {
      this.#asked = undefined;
      asked.reject(new AmqpError('READ_END', 'the socket has ended'));
    }
  }
}
