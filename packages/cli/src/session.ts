import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AccountClient, Posthorn } from '@posthorn/sdk';
import type { Command } from 'commander';
import { CommandFailed, EXIT } from './exit-codes.js';
import type { Column, Print } from './output.js';
import { tableOf } from './output.js';

const URL_DEFAULT = 'http://127.0.0.1:8400';

interface Options {
  url?: string;
  key?: string;
  account?: string;
  json?: boolean;
}

/** What every command that calls a server takes. */
export function withServer(command: Command): Command {
  return command
    .option('--url <url>', `the server (POSTHORN_URL; ${URL_DEFAULT})`)
    .option(
      '--key <key>',
      'the operator key (POSTHORN_OPERATOR_KEY; else data/operator-key, where a server has put it)',
    )
    .option('--json', 'print JSON');
}

export function withAccount(command: Command): Command {
  return withServer(command).option('-a, --account <id>', 'the account (POSTHORN_ACCOUNT)');
}

/** A server to call, and how to print what it answers. */
export class Session {
  readonly url: string;
  private made: Posthorn | undefined;

  constructor(
    private readonly options: Options,
    private readonly environment: Readonly<Record<string, string | undefined>> = process.env,
    readonly print: Print = console.log,
  ) {
    const url = options.url ?? environment.POSTHORN_URL ?? URL_DEFAULT;
    this.url = /^https?:\/\//.test(url) ? url : `http://${url}`;
  }

  /** Only what calls the server needs a key. */
  get posthorn(): Posthorn {
    this.made ??= new Posthorn({ url: this.url, key: this.key });
    return this.made;
  }

  get isJson(): boolean {
    return this.options.json === true;
  }

  get accountId(): string {
    const id = this.options.account ?? this.environment.POSTHORN_ACCOUNT;
    if (!id) throw new CommandFailed('Say which account: --account <id>, or POSTHORN_ACCOUNT.', EXIT.usage);
    return id;
  }

  get account(): AccountClient {
    return this.posthorn.account(this.accountId);
  }

  /** An answer, as JSON or as one line for people. */
  show(answer: unknown, line: string): void {
    this.print(this.isJson ? JSON.stringify(answer, null, 2) : line);
  }

  list<T>(rows: readonly T[], columns: readonly Column<T>[], none: string): void {
    if (this.isJson) this.print(JSON.stringify(rows, null, 2));
    else this.print(rows.length === 0 ? none : tableOf(rows, columns));
  }

  get key(): string {
    const given = this.options.key ?? this.environment.POSTHORN_OPERATOR_KEY;
    if (given) return given;
    const file = join(this.environment.POSTHORN_DATA_DIR ?? 'data', 'operator-key');
    try {
      return readFileSync(file, 'utf8').trim();
    } catch {
      throw new CommandFailed(
        `No operator key: there is no ${file}. Give it with --key, or set POSTHORN_OPERATOR_KEY.`,
        EXIT.usage,
      );
    }
  }
}

/** The first `limit` of a list that goes over pages. */
export async function take<T>(list: AsyncIterable<T>, limit: number): Promise<T[]> {
  const rows: T[] = [];
  for await (const row of list) {
    rows.push(row);
    if (rows.length >= limit) break;
  }
  return rows;
}
