import { useEffect } from 'react';
import { speak } from './texts/language.tsx';
import type { PageInfo } from './types.ts';

export const isEmbedded = window.parent !== window;
/** How often the visible part of an embedded page is looked at while something lies above it. */
const LOOK_EVERY_MS = 150;

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
    window.parent.postMessage({ type: 'posthorn:height', height }, '*');
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
    return () => {
      clearInterval(timer);
      observer.disconnect();
    };
  }, []);
}

/** The accent, light or dark, and the language of the product around it. */
export async function applyTheme(theme: PageInfo['theme']): Promise<void> {
  const { style, dataset } = document.documentElement;
  if (theme.accent !== undefined) {
    style.setProperty('--accent', theme.accent);
    style.setProperty('--on-accent', isLight(theme.accent) ? '#14171c' : '#ffffff');
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
