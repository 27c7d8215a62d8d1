import {
  newQuickJSWASMModuleFromVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSWASMModule,
  Scope,
} from 'quickjs-emscripten-core';

/** For one run, in milliseconds. */
export const TIME_MAX_MS = 100;
const MEMORY_MAX_BYTES = 32 * 1024 * 1024;
const STACK_MAX_BYTES = 256 * 1024;
const FILE = 'transformation.js';
const OWN_FILE = 'posthorn.js';

/** One run of a transformation. */
export interface Run {
  code: string;
  /** `{method, headers, body}` as JSON; null: the code is read, and its function not called. */
  request: string | null;
  /** What the function is told of the event, as JSON. */
  event: string;
  /** What the function takes for now, in milliseconds since the Unix epoch. */
  nowMs: number;
  /** Of its random numbers. */
  seed: number;
  /** Of what it makes, in characters of JSON. */
  resultMax: number;
}

/** `{method, headers, body}` as JSON, the body as text; or what went wrong, in a sentence. */
export type Ran = { result: string } | { error: string };

/**
 * The clock stands at the event, and random numbers come from its id: the same event makes the same request, on every try.
 * What it calls later is taken before the function's code can replace it.
 */
const PRELUDE = `(nowMs, seed) => {
  const RealDate = Date;
  const { parse, stringify } = JSON;
  const { entries } = Object;
  function Date_(...given) {
    if (!new.target) return new RealDate(nowMs).toString();
    return Reflect.construct(RealDate, given.length === 0 ? [nowMs] : given, new.target);
  }
  const own = { name: 'Date', now: () => nowMs, parse: RealDate.parse, UTC: RealDate.UTC, prototype: RealDate.prototype };
  for (const name in own) Object.defineProperty(Date_, name, { value: own[name] });
  Object.defineProperty(RealDate.prototype, 'constructor', { value: Date_ });
  globalThis.Date = Date_;
  let state = seed;
  Object.assign(Math, { random() {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  } });
  return (transform, request, event) => {
    const returned = transform(parse(request), parse(event));
    if (typeof returned !== 'object' || returned === null) throw new TypeError('transform returned no request');
    if (typeof returned.then === 'function') throw new TypeError('transform may not be async');
    const { method, headers = {}, body } = returned;
    if (method !== undefined && (typeof method !== 'string' || method.length > 10)) throw new TypeError('request.method is no method');
    if (typeof headers !== 'object' || headers === null) throw new TypeError('request.headers is no object of names and values');
    const own = entries(headers);
    if (own.length > 21) throw new TypeError('request.headers has more than 20 names');
    for (const [name, value] of own) if (typeof value !== 'string') throw new TypeError('request.headers.' + name + ' is no text');
    return stringify({ method, headers, body: typeof body === 'string' ? body : body === undefined ? '' : stringify(body) });
  };
}`;

/**
 * JavaScript of customers in QuickJS, an engine of its own inside of WebAssembly: it sees what it is given and nothing else, has
 * no input and no output, and ends when its time or its memory does. Each run has an engine of its own: nothing stays.
 */
export class Sandbox {
  private constructor(private readonly engine: QuickJSWASMModule) {}

  static async open(): Promise<Sandbox> {
    return new Sandbox(await newQuickJSWASMModuleFromVariant(import('@jitl/quickjs-wasmfile-release-sync')));
  }

  /**
   * @param isLate asked again and again: whether the run has taken too long
   * @throws Error when the engine itself broke: it can be used no more
   */
  run({ code, request, event, nowMs, seed, resultMax }: Run, isLate: () => boolean): Ran {
    const runtime = this.engine.newRuntime({ memoryLimitBytes: MEMORY_MAX_BYTES, maxStackSizeBytes: STACK_MAX_BYTES });
    runtime.setInterruptHandler(isLate);
    const context = runtime.newContext();
    try {
      return Scope.withScope((scope) => {
        const keep = (handle: QuickJSHandle) => scope.manage(handle);
        const evaluate = (text: string, file: string) =>
          keep(resultOf(context, context.evalCode(text, file, { type: 'global' })));
        const call = (callee: QuickJSHandle, ...values: QuickJSHandle[]) =>
          keep(resultOf(context, context.callFunction(callee, context.undefined, ...values.map(keep))));
        const carryOut = call(evaluate(PRELUDE, OWN_FILE), context.newNumber(nowMs), context.newNumber(seed));
        evaluate(code, FILE);
        const transform = evaluate("typeof transform === 'function' ? transform : undefined", OWN_FILE);
        if (context.typeof(transform) !== 'function') return { error: 'there is no function named transform' };
        if (request === null) return { result: '' };
        const texts = [context.newString(request), context.newString(event)];
        const result = context.getString(call(carryOut, transform, ...texts));
        return result.length > resultMax ? { error: 'makes a request that is too large' } : { result };
      });
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      return { error: error.message };
    } finally {
      context.dispose();
      runtime.dispose();
    }
  }
}

/** The script threw, or was stopped. */
class ScriptError extends Error {}

type Answer = ReturnType<QuickJSContext['evalCode']>;

/** @throws ScriptError */
function resultOf(context: QuickJSContext, answer: Answer): QuickJSHandle {
  if (!answer.error) return answer.value;
  let text = 'threw something that cannot be shown';
  try {
    text = describe(context.dump(answer.error));
  } catch {
    // It has made itself so.
  }
  answer.error.dispose();
  // The database takes no U+0000 in texts.
  throw new ScriptError(text.replaceAll('\0', '\ufffd'));
}

const MESSAGE_MAX = 500;

function describe(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null)
    return `threw ${String(JSON.stringify(thrown)).slice(0, MESSAGE_MAX)}`;
  const { name, message, stack } = thrown as Record<'name' | 'message' | 'stack', unknown>;
  if (name === 'InternalError' && message === 'interrupted') return `takes more than ${TIME_MAX_MS} ms`;
  if (message === 'out of memory') return `needs more than ${MEMORY_MAX_BYTES / 1024 / 1024} MiB of memory`;
  const line = new RegExp(`${FILE}:(\\d+)`).exec(String(stack))?.[1];
  const text = `${String(name ?? 'Error')}: ${String(message ?? '')}`.slice(0, MESSAGE_MAX);
  return line === undefined ? text : `${text} (line ${line})`;
}
