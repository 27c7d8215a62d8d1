/** A question to the other process, or its answer. */
type Message =
  | { id: number; question: string; about?: unknown }
  | { id: number; answer: unknown }
  | { id: number; problem: string };

type Answers = Readonly<Record<string, (about: never) => unknown>>;

/** What a process or a cluster's worker offers. */
interface Peer {
  send?(message: unknown, done?: (error: Error | null) => void): unknown;
  on(event: 'message', listen: (message: Message) => void): unknown;
  once(event: 'disconnect', listen: () => void): unknown;
}

/** Questions and answers between the processes of one server. */
export class Channel {
  private readonly open = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  private lastId = 0;

  constructor(
    private readonly peer: Peer,
    answers: Answers,
  ) {
    peer.on('message', (message) => {
      if ('question' in message) void this.answer(message, answers);
      else this.close(message);
    });
    peer.once('disconnect', () => {
      for (const { reject } of this.open.values()) reject(new Error('the other process has ended'));
      this.open.clear();
    });
  }

  /** @throws Error when the other process ends first, or cannot answer */
  ask(question: string, about?: unknown): Promise<unknown> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.open.set(id, { resolve, reject });
      this.send({ id, question, about }, reject);
    });
  }

  private async answer({ id, question, about }: Extract<Message, { question: string }>, answers: Answers) {
    try {
      const answer = await answers[question]?.(about as never);
      this.send({ id, answer }, () => {});
    } catch (error) {
      this.send({ id, problem: String(error) }, () => {});
    }
  }

  private close(message: Exclude<Message, { question: string }>): void {
    const waiting = this.open.get(message.id);
    this.open.delete(message.id);
    if ('problem' in message) waiting?.reject(new Error(message.problem));
    else waiting?.resolve(message.answer);
  }

  private send(message: Message, onError: (error: Error) => void): void {
    this.peer.send?.(message, (error) => {
      if (error) onError(error);
    });
  }
}
