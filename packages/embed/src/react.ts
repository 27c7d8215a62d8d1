import { createElement, type ReactElement, useEffect, useRef } from 'react';
import { type Embedded, type EmbedOptions, embed } from './embed.js';

export interface DevelopersPageProps extends EmbedOptions {
  className?: string;
}

/** The Developers page as a component. A new `path` goes there; new functions are used from then on. */
export function DevelopersPage(props: DevelopersPageProps): ReactElement {
  const { path, title, className } = props;
  const element = useRef<HTMLDivElement>(null);
  const embedded = useRef<Embedded>(undefined);
  const current = useRef(props);
  current.current = props;
  useEffect(() => {
    if (!element.current) return;
    const { session } = current.current;
    const made = embed(element.current, {
      session: typeof session === 'string' ? session : () => latestSession(current.current),
      ...(current.current.path === undefined ? {} : { path: current.current.path }),
      ...(title === undefined ? {} : { title }),
      onPath: (next) => current.current.onPath?.(next),
      onError: (error) => current.current.onError?.(error),
    });
    embedded.current = made;
    return () => made.destroy();
  }, [title]);
  useEffect(() => {
    if (path !== undefined) embedded.current?.navigate(path);
  }, [path]);
  return createElement('div', { ref: element, ...(className === undefined ? {} : { className }) });
}

async function latestSession({ session }: EmbedOptions): Promise<string> {
  return typeof session === 'string' ? session : session();
}
