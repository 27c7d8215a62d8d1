/** What the command answers; `docs/cli.md` lists them. */
export const EXIT = {
  done: 0,
  /** It was refused, or what was asked for failed. */
  failed: 1,
  /** The command line, or a contract's folder, is wrong. */
  usage: 2,
  /** No server answers. */
  unreachable: 3,
} as const;

/** Ends the command with a line for people. */
export class CommandFailed extends Error {
  constructor(
    message: string,
    readonly exitCode: number = EXIT.failed,
  ) {
    super(message);
  }
}
