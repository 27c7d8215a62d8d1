import { CommandFailed, EXIT } from '../exit-codes.js';

/** An endpoint as another system has it. */
export interface FoundEndpoint {
  url: string;
  description: string;
  disabled: boolean;
  /** Event types that it gets; none: all. */
  triggers: string[];
  /** undefined: not told. */
  secret?: string;
  headers: Record<string, string>;
  /** What cannot be taken over as it is. */
  notes: string[];
}

export interface FoundAccount {
  id: string;
  name: string;
  endpoints: FoundEndpoint[];
}

export interface FoundType {
  name: string;
  description: string;
}

/** Everything that is moved: what `--save` writes and `--dump` reads. */
export interface Found {
  system: string;
  accounts: FoundAccount[];
  eventTypes: FoundType[];
  /** What is there and cannot be taken over at all, and why. */
  left?: { url: string; why: string }[];
}

export interface SourceOptions {
  /** Of its API, without a path. */
  url: string;
  token: string;
  /** Of Convoy: the project. Of Hook0: the organization. */
  project?: string | undefined;
  /** Of Hook0: the label whose value is the account. */
  label?: string | undefined;
  onProgress: (accounts: number) => void;
}

/** How another system's receivers are called, and how what it has is read. */
export interface Source {
  title: string;
  urlDefault: string;
  /** Headers and signature as a contract, without triggers. */
  wire: { body: object; headers: Record<string, string>; signature: object };
  read(options: SourceOptions): Promise<Found>;
}

const ANSWER_WITHIN_MS = 30_000;
const TRIES_MAX = 5;

/** GETs JSON, patiently with a server that asks for fewer requests. @throws CommandFailed */
export async function getJson<T>({ url, token }: SourceOptions, path: string): Promise<T> {
  const address = `${url.replace(/\/+$/, '')}${path}`;
  for (let tries = 1; ; tries++) {
    let answer: Response;
    try {
      answer = await fetch(address, {
        headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
    } catch (error) {
      const { cause, message } = error as Error;
      throw new CommandFailed(
        `${address}: ${(cause as NodeJS.ErrnoException | undefined)?.code ?? message}`,
        EXIT.unreachable,
      );
    }
    if (answer.ok) return (await answer.json()) as T;
    const text = (await answer.text()).slice(0, 200);
    if ((answer.status !== 429 && answer.status < 500) || tries >= TRIES_MAX)
      throw new CommandFailed(`${address} answered ${answer.status}: ${text}`);
    const seconds = Number(answer.headers.get('retry-after')) || tries;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}
