import { recall, remember } from './browser-storage.ts';

const STORED = 'posthorn-token';
/** For how long one listens to what other tabs answer. */
const OTHERS_MS = 200;
const TOKEN = /(?:^#|&)token=(pst_[A-Za-z0-9_-]+)/;

/** The page of an account, and not the console. */
export const isPage = () => location.pathname.startsWith('/page');

/**
 * The token of an embedded or linked page comes behind `#`, which no server sees. It is kept for reloads of this tab
 * alone. The operator's console has a cookie instead, which no script sees.
 */
function takeFromAddress(): string | undefined {
  const found = TOKEN.exec(location.hash)?.[1];
  if (found === undefined) return undefined;
  remember(STORED, found, 'session');
  history.replaceState(history.state, '', location.pathname + location.search);
  return found;
}

const arrived = takeFromAddress();
let token = isPage() ? (arrived ?? recall(STORED, 'session')) : undefined;

export const currentToken = () => token;

/** Goes on with another session. What is open stays open. */
export function renewToken(next: string): void {
  remember(STORED, next, 'session');
  token = next;
}

/** A host that renews the session of its iframe changes what stands behind `#`, and nothing is loaded by that. */
export function onRenewal(renewed: () => void): void {
  addEventListener('hashchange', () => {
    const next = takeFromAddress();
    if (next === undefined || !isPage()) return;
    token = next;
    renewed();
  });
}

type Message = 'who is here?' | { token: string };

/**
 * Tabs of this server hear each other, and no others do: a link of the page that is opened in another tab has no token
 * there, and a session that was opened anew in another tab goes on in this one, too.
 */
const tabs = isPage() && typeof BroadcastChannel !== 'undefined' ? new BroadcastChannel('posthorn-session') : undefined;
const answers = new Set<string>();

if (tabs) {
  tabs.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data !== 'who is here?') answers.add(data.token);
    else if (token !== undefined) tabs.postMessage({ token } satisfies Message);
  };
}

/** The tokens of other tabs, except that of this one. */
export async function othersTokens(): Promise<string[]> {
  answers.clear();
  tabs?.postMessage('who is here?' satisfies Message);
  await new Promise((resolve) => setTimeout(resolve, OTHERS_MS));
  return [...answers].filter((one) => one !== token);
}

/** Where more than one session is open, none is guessed. */
async function beginAsOthers(): Promise<void> {
  const [only, ...others] = await othersTokens();
  if (only === undefined || others.length > 0) return;
  if (remember(STORED, only, 'session')) location.reload();
}

if (tabs && token === undefined) void beginAsOthers();
