import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';

const PATH =
  process.platform === 'win32'
    ? `${process.env.SystemRoot ?? 'C:\\Windows'}\\System32\\drivers\\etc\\hosts`
    : '/etc/hosts';

/** The names that this machine gives to addresses itself; read again when the file has changed. */
export class HostsFile {
  private changedMs = Number.NaN;
  private names: ReadonlyMap<string, string[]> = new Map();

  constructor(private readonly path = PATH) {}

  async addressesOf(host: string): Promise<string[]> {
    const changedMs = await stat(this.path).then(
      (file) => file.mtimeMs,
      () => undefined,
    );
    if (changedMs === undefined) return [];
    if (changedMs !== this.changedMs) {
      this.names = parse(await readFile(this.path, 'utf8'));
      this.changedMs = changedMs;
    }
    return this.names.get(host.toLowerCase()) ?? [];
  }
}

/** hosts(5): an address, then its names; `#` begins a comment. */
function parse(text: string): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const [address = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const alias of aliases) {
      const name = alias.toLowerCase();
      names.set(name, [...(names.get(name) ?? []), address]);
    }
  }
  return names;
}
