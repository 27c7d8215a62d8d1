import { createElement, type ReactElement, useEffect, useRef } from 'react';
import { type Embedded, type EmbedOptions, embed } from './embed.js';

export interface DevelopersPageProps extends EmbedOptions {
  className?: string;
}

/** So many places of the page are remembered: those that its host may still be telling it. */
const PATHS_KEPT = 50;

/**
 * The Developers page as a component. A new `path` goes there, a new `session` text opens it anew; new functions are used
 * from then on.
 */
export function DevelopersPage(props: DevelopersPageProps): ReactElement {
  const { path, title, className, session } = props;
  const element = useRef<HTMLDivElement>(null);
  const embedded = useRef<Embedded>(undefined);
  const told = useRef<string[]>([]);
  const current = useRef(props);
  current.current = props;
  const text = typeof session === 'string' ? session : undefined;
  useEffect(() => {
    if (!element.current || text === '') return;
    const made = embed(element.current, {
      session: text ?? (() => latestSession(current.current)),
      ...(current.current.path === undefined ? {} : { path: current.current.path }),
      ...(title === undefined ? {} : { title }),
      onPath: (next) => {
        told.current = [...told.current, next].slice(-PATHS_KEPT);
        current.current.onPath?.(next);
      },
      onError: (error) => current.current.onError?.(error),
    });
    embedded.current = made;
    return () => made.destroy();
  }, [title, text]);
  useEffect(() => {
    if (path === undefined) return;
    // What the page told itself comes back, sometimes late: it is no wish to go there again.
    const at = told.current.indexOf(path);
    if (at < 0) embedded.current?.navigate(path);
    else told.current = told.current.slice(at + 1);
  }, [path]);
  return createElement('div', { ref: element, ...(className === undefined ? {} : { className }) });
}

async function latestSession({ session }: EmbedOptions): Promise<string> {
  return typeof session === 'string' ? session : session();
}
