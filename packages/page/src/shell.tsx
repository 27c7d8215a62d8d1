import { Clock, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { isEmbedded } from './embedding.ts';
import { setZone, useLanguage } from './texts/language.tsx';
import { Button } from './ui/button.tsx';
import { Skeleton } from './ui/notes.tsx';

export interface Section {
  path: string;
  title: string;
  icon: LucideIcon;
  /** What needs somebody there, in a word for those who only hear it. */
  mark?: string | undefined;
}

/** One column of navigation, and the content. Embedded or on a phone the navigation becomes tabs. */
export function Shell(props: {
  brand?: ReactNode;
  sections: readonly Section[];
  foot?: ReactNode;
  onHover?: (path: string) => void;
  children: ReactNode;
}) {
  const { brand, sections, foot, onHover, children } = props;
  const { t } = useLanguage();
  const [location] = useLocation();
  return (
    <div className={`shell${isEmbedded ? ' embedded' : ''}`}>
      <nav className="nav" aria-label={t.nav.sections}>
        <div className="brand">{brand}</div>
        {sections.map(({ path, title, icon: Icon, mark }) => (
          <Link
            key={path}
            ref={location === path ? intoView : undefined}
            href={path}
            aria-current={location === path ? 'page' : undefined}
            onPointerEnter={() => onHover?.(path)}
          >
            <Icon size={16} aria-hidden /> {title}
            {mark !== undefined && <span className="mark" role="img" aria-label={mark} title={mark} />}
          </Link>
        ))}
        <div className="foot">
          {foot}
          <ZoneSwitch />
        </div>
      </nav>
      <main className="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

/** Whose clock all times are told by: this browser's, or UTC. */
function ZoneSwitch() {
  const { t, f, zone } = useLanguage();
  const isUtc = zone === 'utc';
  const label = isUtc ? t.time.inLocal : t.time.inUtc;
  return (
    <Button
      kind="plain"
      size="small"
      className="zone"
      title={label}
      aria-label={`${f.zone(Date.now())}: ${label}`}
      onClick={() => setZone(isUtc ? 'local' : 'utc')}
    >
      <Clock size={14} aria-hidden /> {f.zone(Date.now())}
    </Button>
  );
}

/** On phones the tabs may be wider than the screen. */
function intoView(link: HTMLAnchorElement | null): void {
  link?.scrollIntoView({ block: 'nearest', inline: 'center' });
}

export function LoadingShell() {
  return (
    <Shell sections={[]}>
      <div className="head" />
      <Skeleton />
    </Shell>
  );
}

/** The title of a screen, or of a part of one, with what can be done there. */
export function Head(props: { title: string; isPart?: boolean; about?: ReactNode; children?: ReactNode }) {
  const { title, isPart = false, about, children } = props;
  return (
    <div className="head">
      {isPart ? <h2>{title}</h2> : <h1>{title}</h1>}
      {about}
      <span className="grow" />
      {children}
    </div>
  );
}
