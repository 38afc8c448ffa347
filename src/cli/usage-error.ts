/** The command line or the environment is wrong. The message is one line, names the option, and says what is expected. */
export class UsageError extends Error {
  /** The exit code for it. */
  static readonly exitCode = 2;
  override readonly name = 'UsageError';
}
