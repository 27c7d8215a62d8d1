/** A message as a source has it. */
export interface Message {
  /** Where it stands in the source, the same each time it comes; undefined where there are no places, and no id either. */
  place: string | undefined;
  /** Its headers or attributes. Names with a colon in front are the source's own: `:key`, `:topic`, `:subject`, … */
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

/** What was read at once. */
export interface Batch {
  messages: readonly Message[];
  /** All of it is stored here: the source need not send it again. */
  done(): Promise<void>;
  /** It takes long: the source may wait. Called every few seconds. */
  hold?(): Promise<void>;
}

/** An open connection to a source. When something goes wrong it throws, is closed, and opened anew. */
export interface SourceReader {
  /** What is there, at most some hundred messages; waits for the first. Undefined: nothing came for a while. */
  read(signal: AbortSignal): Promise<Batch | undefined>;
  /** Another node reads it: this one takes over when that is gone. */
  readonly isStandby?: boolean;
  /** How many messages wait at the source for all nodes together, as far as it tells. */
  behind(): Promise<number>;
  close(): Promise<void>;
}

/** At most so many messages are read at once, and so many bytes, as far as the source lets that be known before. */
export const BATCH_MAX = { messages: 1_500, bytes: 4 * 1024 * 1024 };
/** How long a reader waits for the first message. */
export const READ_WAIT_MS = 1_000;

/** How many messages of this size may be asked for at once, where a broker counts them and no bytes. */
export const countOf = (averageBytes: number): number =>
  Math.min(BATCH_MAX.messages, Math.max(4, Math.floor(BATCH_MAX.bytes / Math.max(1, averageBytes))));

export const averageOf = (bodies: readonly { length: number }[]): number =>
  bodies.reduce((sum, { length }) => sum + length, 0) / Math.max(1, bodies.length);

/** Messages that come by themselves, until they are read: a source that is pushed, made one that is asked. */
export class Inbox<T> {
  private readonly waiting: T[] = [];
  private bytes = 0;
  private failure: Error | undefined;
  private wake = () => {};
  private readonly whenRoom = new Set<() => void>();

  constructor(private readonly sizeOf: (one: T) => number) {}

  get isFull(): boolean {
    return this.waiting.length >= BATCH_MAX.messages || this.bytes >= BATCH_MAX.bytes;
  }

  put(one: T): void {
    this.waiting.push(one);
    this.bytes += this.sizeOf(one);
    this.wake();
  }

  /** Takes all of `from`, as far as somebody reads. */
  async pump(from: AsyncIterable<T>): Promise<void> {
    try {
      for await (const one of from) {
        this.put(one);
        if (this.isFull && !this.failure) await new Promise<void>((resolve) => this.whenRoom.add(resolve));
        if (this.failure) return;
      }
      this.fail(new Error('the source has ended the connection'));
    } catch (error) {
      this.fail(error);
    }
  }

  /** Whoever reads next is told, and so is who waits. */
  fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
    this.wake();
    this.letGoOn();
  }

  /** What has come; waits for the first. */
  async take(signal: AbortSignal): Promise<T[]> {
    if (this.waiting.length === 0 && !this.failure && !signal.aborted) await this.wait(signal);
    if (this.failure) throw this.failure;
    const taken = this.waiting.splice(0);
    this.bytes = 0;
    this.letGoOn();
    return taken;
  }

  private letGoOn(): void {
    for (const resolve of this.whenRoom) resolve();
    this.whenRoom.clear();
  }

  private wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.wake = () => {};
        resolve();
      };
      const timer = setTimeout(end, READ_WAIT_MS);
      signal.addEventListener('abort', end);
      this.wake = end;
    });
  }
}

/** Why something failed: with a server, or with each of several addresses that were tried. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
