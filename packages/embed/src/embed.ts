/** The Developers page in an iframe of another product: without dependencies, in any browser that has modules. */

export interface EmbedOptions {
  /**
   * The `url` of a page session, from your server. As a function it is asked again before the session ends, and the page
   * goes on with the new one without being loaded anew.
   */
  session: string | (() => Promise<string>);
  /** Where the page begins and goes, as `/messages?status=discarded`. */
  path?: string;
  /** Told whenever somebody moves on: put it into your own address, and links lead back to it. */
  onPath?: (path: string) => void;
  /** Told when a session could not be had, or has ended although `session` is no function. */
  onError?: (error: Error) => void;
  /** What the frame is called by screen readers. */
  title?: string;
}

export interface Embedded {
  readonly frame: HTMLIFrameElement;
  /** Goes somewhere else in the page. */
  navigate(path: string): void;
  /** Takes the page out again. */
  destroy(): void;
}

type FromPage =
  | { type: 'posthorn:height'; height: number }
  | { type: 'posthorn:path'; path: string }
  | { type: 'posthorn:session'; state: 'ending' | 'ended' };

/** What the page is sent. */
type ToPage = { type: 'posthorn:navigate'; path: string } | { type: 'posthorn:token'; token: string };

const RETRY_MS = 10_000;

/** Puts the page into an element of yours. */
export function embed(element: HTMLElement, options: EmbedOptions): Embedded {
  const frame = document.createElement('iframe');
  frame.title = options.title ?? 'Developers';
  frame.allow = 'clipboard-write';
  frame.style.cssText = 'display: block; width: 100%; border: 0';
  let origin = '';
  let path = options.path;
  let isGone = false;
  let isRenewing = false;
  let retry: ReturnType<typeof setTimeout> | undefined;

  const send = (message: ToPage) => {
    if (origin !== '') frame.contentWindow?.postMessage(message, origin);
  };
  /** One at a time, however often the page asks. */
  const again = (what: () => Promise<void>) => {
    clearTimeout(retry);
    retry = setTimeout(() => void what(), RETRY_MS);
  };
  const fail = (error: unknown) => options.onError?.(error instanceof Error ? error : new Error(String(error)));

  const heard = ({ source, origin: from, data }: MessageEvent) => {
    if (source !== frame.contentWindow || from !== origin) return;
    const message = data as FromPage;
    if (message.type === 'posthorn:height') frame.style.height = `${message.height}px`;
    else if (message.type === 'posthorn:path') {
      path = message.path;
      options.onPath?.(message.path);
    } else if (message.type === 'posthorn:session') void renew(message.state);
  };

  const renew = async (state: 'ending' | 'ended') => {
    if (isRenewing || isGone) return;
    if (typeof options.session === 'string') {
      if (state === 'ended') fail(new Error('The session has ended.'));
      return;
    }
    isRenewing = true;
    try {
      send({ type: 'posthorn:token', token: tokenOf(await options.session()) });
    } catch (error) {
      fail(error);
      again(() => renew('ended'));
    } finally {
      isRenewing = false;
    }
  };

  const begin = async () => {
    if (isGone) return;
    try {
      const address = typeof options.session === 'string' ? options.session : await options.session();
      if (isGone) return;
      const url = new URL(address);
      origin = url.origin;
      if (path !== undefined) {
        const [pathname = '', search = ''] = path.split('?');
        url.pathname = `/page${pathname.startsWith('/') ? pathname : `/${pathname}`}`;
        url.search = search;
      }
      frame.src = url.href;
    } catch (error) {
      fail(error);
      // Whatever a function could not have now it may have later.
      if (typeof options.session !== 'string') again(begin);
    }
  };

  addEventListener('message', heard);
  element.append(frame);
  void begin();
  return {
    frame,
    navigate(next) {
      if (next === path) return;
      path = next;
      send({ type: 'posthorn:navigate', path: next });
    },
    destroy() {
      isGone = true;
      clearTimeout(retry);
      removeEventListener('message', heard);
      frame.remove();
    },
  };
}

/** @throws when the address is none of a page session */
function tokenOf(address: string): string {
  const token = /[#&]token=(pst_[A-Za-z0-9_-]+)/.exec(address)?.[1];
  if (token === undefined) throw new Error('This is not the url of a page session.');
  return token;
}
