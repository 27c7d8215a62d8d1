import { useEffect, useRef } from 'react';
import { useLocation, useSearch } from 'wouter';
import { connectionNow, lookAgain, onConnection } from './connection.ts';
import { renewToken } from './session-token.ts';
import { speak } from './texts/language.tsx';
import type { PageInfo } from './types.ts';

export const isEmbedded = window.parent !== window;
/** How often the visible part of an embedded page is looked at while something lies above it. */
const LOOK_EVERY_MS = 150;

/** So long before its end a session is renewed: two minutes, or the last quarter of a short one. */
const ENDING_MS = 120_000;
const ENDING_SHARE = 4;
/** A host that cannot renew is not asked again at once. */
const TOLD_EVERY_MS = 30_000;
/** Timers go wrong when they are set for weeks. */
const LOOK_AT_MOST_MS = 3_600_000;

type FromHost = { type: 'posthorn:navigate'; path: string } | { type: 'posthorn:token'; token: string };

/** Only the page around it may say where to go; it is one of those that may embed this page (`frame-ancestors`). */
function onHost(heard: (message: FromHost) => void): () => void {
  const listener = ({ source, data }: MessageEvent) => {
    if (source === window.parent && typeof data === 'object' && data !== null) heard(data as FromHost);
  };
  addEventListener('message', listener);
  return () => removeEventListener('message', listener);
}

/** A host's token is one, whatever else it sends. */
const isToken = (text: unknown): text is string => typeof text === 'string' && /^pst_[A-Za-z0-9_-]+$/.test(text);

const tellHost = (message: object) => window.parent.postMessage(message, '*');

/**
 * Talks to the page around this one: where somebody is, that the session ends soon or has ended; and does what it is told:
 * to go somewhere, or to go on with another session.
 */
export function useHost(expiresAt: string | null, leftS: number | null): void {
  const [location, navigate] = useLocation();
  const search = useSearch();
  useEffect(() => {
    if (isEmbedded) tellHost({ type: 'posthorn:path', path: `${location}${search === '' ? '' : `?${search}`}` });
  }, [location, search]);
  useEffect(() => {
    if (!isEmbedded) return;
    return onHost((message) => {
      if (message.type === 'posthorn:navigate' && /^\/(?!\/)/.test(message.path)) navigate(message.path);
      else if (message.type === 'posthorn:token' && isToken(message.token)) {
        renewToken(message.token);
        void lookAgain();
      }
    });
  }, [navigate]);
  const toldAtMs = useRef(Number.NEGATIVE_INFINITY);
  // How long is left says the server: the clock of this machine may be wrong.
  const left = useRef(leftS);
  left.current = leftS;
  useEffect(() => {
    if (!isEmbedded || expiresAt === null || left.current === null) return;
    const leftMs = left.current * 1_000;
    const atMs = performance.now() + leftMs - Math.min(ENDING_MS, leftMs / ENDING_SHARE);
    let timer = 0;
    const look = () => {
      const waitMs = Math.max(atMs, toldAtMs.current + TOLD_EVERY_MS) - performance.now();
      if (waitMs > 0) {
        timer = window.setTimeout(look, Math.min(waitMs, LOOK_AT_MOST_MS));
        return;
      }
      toldAtMs.current = performance.now();
      tellHost({ type: 'posthorn:session', state: 'ending' });
    };
    look();
    return () => clearTimeout(timer);
  }, [expiresAt]);
  useEffect(() => {
    if (!isEmbedded) return;
    return onConnection(() => {
      if (connectionNow() === 'ended') tellHost({ type: 'posthorn:session', state: 'ended' });
    });
  }, []);
}

/** Tells the embedding page how high the content is, so that it needs no second scroll bar. */
export function reportHeight(): void {
  if (!isEmbedded) return;
  document.documentElement.dataset.embedded = '';
  let last = 0;
  const report = () => {
    const height = Math.ceil(document.body.getBoundingClientRect().height);
    if (height === last) return;
    last = height;
    // A height is no secret: whoever embeds may know it.
    tellHost({ type: 'posthorn:height', height });
  };
  new ResizeObserver(report).observe(document.body);
  new MutationObserver(report).observe(document.body, { childList: true, subtree: true });
}

/**
 * An embedded page is as high as its content, and its window is that high, too: what lies above the page has to be put
 * where it is seen. The browser tells which part that is, across origins, when one begins to observe.
 */
export function useVisiblePart(): void {
  useEffect(() => {
    if (!isEmbedded) return;
    lookers++;
    if (lookers === 1) beginLooking();
    return () => {
      lookers--;
      if (lookers === 0) endLooking();
    };
  }, []);
}

let lookers = 0;
let endLooking = () => {};

function beginLooking(): void {
  const { style } = document.documentElement;
  const observer = new IntersectionObserver(([entry]) => {
    if (!entry || entry.intersectionRect.height === 0) return;
    style.setProperty('--visible-top', `${Math.round(entry.intersectionRect.top)}px`);
    style.setProperty('--visible-height', `${Math.round(entry.intersectionRect.height)}px`);
  });
  const look = () => {
    observer.disconnect();
    observer.observe(document.documentElement);
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  endLooking = () => {
    clearInterval(timer);
    observer.disconnect();
    // What is not looked at any more is not where it was.
    style.removeProperty('--visible-top');
    style.removeProperty('--visible-height');
  };
}

/** The accent, light or dark, and the language of the product around it. */
export async function applyTheme(theme: PageInfo['theme']): Promise<void> {
  const { style, dataset } = document.documentElement;
  if (theme.accent !== undefined) {
    style.setProperty('--accent', theme.accent);
    style.setProperty('--on-accent', isLight(theme.accent) ? '#14171c' : '#ffffff');
  }
  if (theme.background !== undefined) {
    style.setProperty('--bg', theme.background);
    style.setProperty('--raised', theme.background);
    style.setProperty('--sunken', `color-mix(in srgb, var(--text) 4%, ${theme.background})`);
    style.setProperty('--hover', `color-mix(in srgb, var(--text) 7%, ${theme.background})`);
    style.setProperty('--line', `color-mix(in srgb, var(--text) 14%, ${theme.background})`);
    // A ground that is light or dark asks for the colours that can be read on it.
    dataset.mode = isLight(theme.background) ? 'light' : 'dark';
  }
  if (theme.font !== undefined) style.setProperty('--sans', theme.font);
  if (theme.radius !== undefined) {
    style.setProperty('--radius', `${theme.radius}px`);
    style.setProperty('--radius-large', `${Math.round(theme.radius * 1.33)}px`);
  }
  if (theme.mode !== undefined && theme.mode !== 'auto') dataset.mode = theme.mode;
  if (theme.language !== undefined) await speak([theme.language]);
}

/** Whether black text is easier to read on this colour (WCAG relative luminance). */
function isLight(hex: string): boolean {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.03928 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18;
}
