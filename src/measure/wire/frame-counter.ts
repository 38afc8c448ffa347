import type { WireCost } from '../document/document.ts';
import { isAnswer, isAnswered } from './awaited-answers.ts';
import { FrameReader } from './frames.ts';

/**
 * Counts what passes between a client and a broker, heartbeats left out; the protocol header counts as a frame.
 *
 * A round trip is a flight of client frames, all that it sends without hearing from the broker, and what the broker
 * sends next. The flight is counted once, when that comes; one that nothing follows is not counted. Making the TCP
 * connection counts as one. So the count depends on the frames' order alone, not on how TCP cuts them or how long
 * anything takes.
 */
export class FrameCounter {
  readonly #client = new FrameReader();
  readonly #broker = new FrameReader();
  readonly #counts = { framesOut: 0, framesIn: 0, bytesOut: 0, bytesIn: 0, roundTrips: 0 };
  /** The client has sent something, and has heard nothing since. */
  #inFlight = false;
  #unanswered = 0;

  /** A TCP connection was made. */
  connected(): void {
    this.#counts.roundTrips++;
  }

  /**
   * To be called with what the client sent.
   * @throws Error if it is not AMQP 0-9-1
   */
  sent(chunk: Buffer): void {
    for (const frame of this.#client.read(chunk)) {
      if (frame.kind === 'heartbeat') continue;
      this.#counts.framesOut++;
      this.#counts.bytesOut += frame.size;
      this.#inFlight = true;
      if (isAnswered(frame)) this.#unanswered++;
    }
  }

  /**
   * To be called with what the client received.
   * @throws Error if it is not AMQP 0-9-1
   */
  received(chunk: Buffer): void {
    for (const frame of this.#broker.read(chunk)) {
      if (frame.kind === 'heartbeat') continue;
      this.#counts.framesIn++;
      this.#counts.bytesIn += frame.size;
      if (this.#inFlight) this.#counts.roundTrips++;
      this.#inFlight = false;
      if (isAnswer(frame)) this.#unanswered--;
    }
  }

  /** How many of the client's methods the broker has yet to answer. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** All that was counted until now. */
  counts(): WireCost {
    return { ...this.#counts };
  }
}
