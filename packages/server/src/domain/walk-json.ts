import { eachToken } from './raw-json.ts';

/** What `walkJson` comes upon, in the order of the text. Strings and numbers come as they are written. */
export interface JsonVisitor {
  open(bracket: '{' | '['): void;
  close(bracket: '}' | ']'): void;
  key(token: string): void;
  scalar(kind: 'string' | 'number' | 'word', token: string): void;
}

/** Walks over text that `JSON.parse` has accepted, once and without recursion: depth costs no stack. */
export function walkJson(text: string, visitor: JsonVisitor): void {
  /** Whether each open bracket is an object's. */
  const open: boolean[] = [];
  let isKeyNext = false;
  eachToken(text, (kind, token) => {
    if (kind === 'string' && isKeyNext) {
      visitor.key(token);
      isKeyNext = false;
      return;
    }
    if (kind !== 'other') {
      visitor.scalar(kind, token);
      return;
    }
    for (let i = 0; i < token.length; i++) {
      const char = token[i];
      if (char === '{' || char === '[') {
        open.push(char === '{');
        isKeyNext = char === '{';
        visitor.open(char);
      } else if (char === '}' || char === ']') {
        open.pop();
        isKeyNext = false;
        visitor.close(char);
      } else if (char === ',') isKeyNext = open.at(-1) === true;
      else if (char !== ':') {
        const word = char === 'f' ? 'false' : char === 't' ? 'true' : 'null';
        visitor.scalar('word', word);
        i += word.length - 1;
      }
    }
  });
}

/** What a token of a string means. */
export function stringOf(token: string): string {
  return token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
}

/** Writes objects of which the last of equal keys counts, in the place of the first. */
export function dropRepeats(text: string): string {
  interface Frame {
    keys: Map<string, string> | undefined;
    items: string[];
    key: string;
  }
  const frames: Frame[] = [{ keys: undefined, items: [], key: '' }];
  const put = (value: string) => {
    const frame = frames.at(-1);
    if (frame?.keys) frame.keys.set(frame.key, value);
    else frame?.items.push(value);
  };
  walkJson(text, {
    open: (bracket) => frames.push({ keys: bracket === '{' ? new Map() : undefined, items: [], key: '' }),
    close: () => {
      const frame = frames.pop();
      if (frame?.keys) put(`{${[...frame.keys].map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`);
      else put(`[${frame?.items.join(',')}]`);
    },
    key: (token) => {
      const frame = frames.at(-1);
      if (frame) frame.key = stringOf(token);
    },
    scalar: (_, token) => put(token),
  });
  return frames[0]?.items[0] ?? text;
}
