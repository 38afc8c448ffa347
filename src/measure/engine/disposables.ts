/** Disposes of what was added to it, the last first. Node 20 has no AsyncDisposableStack, and Node 22 no `await using`. */
export class Disposables implements AsyncDisposable {
  readonly #stack: AsyncDisposable[] = [];

  /** Runs `body`, and then, however it ended, disposes of what it added. What `body` threw is thrown first. */
  static async use<T>(body: (started: Disposables) => Promise<T>): Promise<T> {
    const started = new Disposables();
    let result: T;
    try {
      result = await body(started);
    } catch (error) {
      await started[Symbol.asyncDispose]().catch(() => {});
      throw error;
    }
    await started[Symbol.asyncDispose]();
    return result;
  }

  /** Adds one, and gives it back. */
  add<T extends AsyncDisposable>(one: T): T {
    this.#stack.push(one);
    return one;
  }

  /** Disposes of all of them, also when one fails; its error is thrown in the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let one = this.#stack.pop(); one; one = this.#stack.pop()) {
      try {
        await one[Symbol.asyncDispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
