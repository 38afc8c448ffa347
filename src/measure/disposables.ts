/** Disposes of what was added to it, the last first. Node 20 has no AsyncDisposableStack. */
export class Disposables implements AsyncDisposable {
  readonly #stack: AsyncDisposable[] = [];

  /** Adds one, and gives it back. */
  add<T extends AsyncDisposable>(one: T): T {
    this.#stack.push(one);
    return one;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let one = this.#stack.pop(); one; one = this.#stack.pop()) await one[Symbol.asyncDispose]();
  }
}
