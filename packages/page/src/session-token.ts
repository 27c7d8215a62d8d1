import { browserStorage } from './browser-storage.ts';

const STORED = 'posthorn-token';
/** After the first answer of another tab, how long one listens for a different one. */
const OTHERS_MS = 200;

/**
 * The token of an embedded or linked page comes behind `#`, which no server sees. It is kept for reloads of this tab
 * alone. The operator's console has a cookie instead, which no script sees.
 */
function readToken(): string | undefined {
  const kept = browserStorage('session');
  const found = /(?:^#|&)token=(pst_[A-Za-z0-9_-]+)/.exec(location.hash)?.[1];
  if (found !== undefined) {
    kept?.setItem(STORED, found);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return isPage() ? (found ?? kept?.getItem(STORED) ?? undefined) : undefined;
}

const isPage = () => location.pathname.startsWith('/page');

export const token = readToken();

// A host that renews the session of its iframe changes what stands behind `#`, and nothing is loaded by that.
addEventListener('hashchange', () => {
  if (/(?:^#|&)token=/.test(location.hash)) location.reload();
});

type Message = 'who is here?' | { token: string };

/**
 * A link of the page that is opened in another tab has no token there: the tab that it came from gives it. Only tabs of
 * this server hear each other, and where more than one session is open, none is guessed.
 */
function shareWithTabs(): void {
  if (!isPage() || typeof BroadcastChannel === 'undefined') return;
  const tabs = new BroadcastChannel('posthorn-session');
  const kept = browserStorage('session');
  const heard = new Set<string>();
  tabs.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data === 'who is here?') {
      if (token !== undefined) tabs.postMessage({ token } satisfies Message);
    } else if (token === undefined && kept) {
      if (heard.size === 0) setTimeout(() => take(kept, heard), OTHERS_MS);
      heard.add(data.token);
    }
  };
  if (token === undefined && kept) tabs.postMessage('who is here?' satisfies Message);
}

function take(kept: Storage, heard: ReadonlySet<string>): void {
  const [only, ...others] = heard;
  if (only === undefined || others.length > 0) return;
  kept.setItem(STORED, only);
  location.reload();
}

shareWithTabs();
