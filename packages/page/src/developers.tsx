import { useQuery } from '@tanstack/react-query';
import { BookOpen, History, KeyRound, Mailbox, MessageSquare, Webhook } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { Link, Route, Switch, useLocation } from 'wouter';
import { AccountProvider } from './account.tsx';
import { get } from './api.ts';
import { applyTheme, isEmbedded } from './embedding.ts';
import type { Contract, PageInfo, Permission } from './types.ts';
import { Dialog, Empty, ErrorNote, Skeleton, useKeys } from './ui.tsx';
import { Webhooks } from './webhooks.tsx';

const Messages = lazy(() => import('./messages.tsx').then((m) => ({ default: m.Messages })));
const Events = lazy(() => import('./events.tsx').then((m) => ({ default: m.Events })));
const Keys = lazy(() => import('./keys.tsx').then((m) => ({ default: m.Keys })));
const Inspector = lazy(() => import('./inspector.tsx').then((m) => ({ default: m.Inspector })));
const Audit = lazy(() => import('./audit.tsx').then((m) => ({ default: m.Audit })));

const SECTIONS = [
  { path: '/', title: 'Webhooks', icon: Webhook },
  { path: '/messages', title: 'Messages', icon: MessageSquare },
  { path: '/events', title: 'Events', icon: BookOpen },
  { path: '/keys', title: 'API keys', icon: KeyRound },
  { path: '/inspector', title: 'Inspector', icon: Mailbox },
  { path: '/audit', title: 'Audit log', icon: History },
] as const;

/** The page of one account, opened by a page session. */
export function Developers() {
  const page = useQuery({ queryKey: ['page'], queryFn: () => get<PageInfo>('/v1/page'), staleTime: 60_000 });
  useEffect(() => {
    if (page.data) applyTheme(page.data.theme);
  }, [page.data]);
  if (page.error) {
    return (
      <main className="main">
        <Empty title="This page is not open any more" text="Go back to where you came from, and open it again.">
          <ErrorNote error={page.error} />
        </Empty>
      </main>
    );
  }
  if (!page.data) return <Loading />;
  const { account, permissions, theme } = page.data;
  if (!account) return <Empty title="No account" text="Open an account's page from the console." />;
  return (
    <AccountPage
      id={account.id}
      name={account.name}
      contract={account.contract}
      permissions={permissions}
      logo={theme.logo}
    />
  );
}

function Loading() {
  return (
    <div className={`shell${isEmbedded ? ' embedded' : ''}`}>
      <nav className="nav" aria-label="Sections" />
      <main className="main">
        <div className="head" />
        <Skeleton />
      </main>
    </div>
  );
}

/** Sections of an account, for its own page and for the operator who looks at it. */
export function AccountPage(props: {
  id: string;
  name: string;
  contract: string;
  permissions: Permission[];
  logo?: string | undefined;
  before?: ReactNode;
}) {
  const { id, name, contract: contractName, permissions, logo, before } = props;
  const contract = useQuery({
    queryKey: ['contract', contractName],
    queryFn: () => get<Contract>(`/v1/contracts/${contractName}`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [location, navigate] = useLocation();
  const [help, setHelp] = useState(false);
  useKeys({
    '?': () => setHelp(true),
    '/': () => document.querySelector<HTMLInputElement>('input[type="search"]')?.focus(),
    g: () => navigate('/'),
    m: () => navigate('/messages'),
  });
  if (contract.error) return <ErrorNote error={contract.error} />;
  if (!contract.data) return <Loading />;
  return (
    <AccountProvider value={{ id, name, contract: contract.data, permissions }}>
      <div className={`shell${isEmbedded ? ' embedded' : ''}`}>
        <nav className="nav" aria-label="Sections">
          <div className="brand">{logo === undefined ? name : <img src={logo} alt={name} />}</div>
          {SECTIONS.map(({ path, title, icon: Icon }) => (
            <Link key={path} href={path} aria-current={location === path ? 'page' : undefined}>
              <Icon size={16} aria-hidden /> {title}
            </Link>
          ))}
          <div className="foot">
            {before}
            <button type="button" className="button plain small" onClick={() => setHelp(true)}>
              Keyboard
            </button>
          </div>
        </nav>
        <main className="main">
          <Suspense fallback={<Skeleton />}>
            <Switch>
              <Route path="/messages" component={Messages} />
              <Route path="/events" component={Events} />
              <Route path="/keys" component={Keys} />
              <Route path="/inspector" component={Inspector} />
              <Route path="/audit" component={Audit} />
              <Route component={Webhooks} />
            </Switch>
          </Suspense>
        </main>
      </div>
      {help && <KeyboardHelp onClose={() => setHelp(false)} />}
    </AccountProvider>
  );
}

const KEYS: [string, string][] = [
  ['/', 'Search'],
  ['j  k', 'Next, previous row'],
  ['Enter', 'Open'],
  ['Esc', 'Close'],
  ['r', 'Resend the open message'],
  ['g  m', 'Webhooks, messages'],
  ['?', 'This list'],
];

function KeyboardHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <table>
        <tbody>
          {KEYS.map(([key, what]) => (
            <tr key={key}>
              <th scope="row" className="mono" style={{ position: 'static' }}>
                {key}
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
  );
}
