import { useQuery } from '@tanstack/react-query';
import { BookOpen, History, Keyboard, KeyRound, Mailbox, MessageSquare, Webhook } from 'lucide-react';
import { type ComponentType, lazy, type ReactNode, Suspense, useState } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { AccountProvider } from './account.tsx';
import { get } from './api.ts';
import { applyTheme } from './embedding.ts';
import { LoadingShell, Shell } from './shell.tsx';
import { useLanguage } from './texts/language.tsx';
import type { Contract, PageInfo, Permission } from './types.ts';
import { Button } from './ui/button.tsx';
import { Dialog } from './ui/dialog.tsx';
import { useKeys } from './ui/keyboard.ts';
import { Empty, ErrorNote, Skeleton } from './ui/notes.tsx';
import { Webhooks } from './webhooks/webhooks.tsx';

/** A section that is read when it is needed, or when the pointer says that it soon will be. */
function section(load: () => Promise<ComponentType>) {
  return { load, view: lazy(async () => ({ default: await load() })) };
}

const SECTIONS = {
  '/messages': section(async () => (await import('./messages/messages.tsx')).Messages),
  '/events': section(async () => (await import('./events/events.tsx')).Events),
  '/keys': section(async () => (await import('./keys/keys.tsx')).Keys),
  '/inspector': section(async () => (await import('./inspector/inspector.tsx')).Inspector),
  '/audit': section(async () => (await import('./audit/audit.tsx')).Audit),
};

function useSections() {
  const { t } = useLanguage();
  return [
    { path: '/', title: t.nav.webhooks, icon: Webhook },
    { path: '/messages', title: t.nav.messages, icon: MessageSquare },
    { path: '/events', title: t.nav.events, icon: BookOpen },
    { path: '/keys', title: t.nav.keys, icon: KeyRound },
    { path: '/inspector', title: t.nav.inspector, icon: Mailbox },
    { path: '/audit', title: t.nav.audit, icon: History },
  ];
}

/** The page of one account, opened by a page session. */
export function Developers() {
  const { t } = useLanguage();
  const page = useQuery({
    queryKey: ['page'],
    queryFn: async () => {
      const info = await get<PageInfo>('/v1/page');
      await applyTheme(info.theme);
      return info;
    },
    staleTime: 60_000,
  });
  if (page.error) {
    return (
      <main className="main">
        <Empty title={t.page.closed} text={t.page.closedText}>
          <ErrorNote error={page.error} />
        </Empty>
      </main>
    );
  }
  if (!page.data) return <LoadingShell />;
  const { account, permissions, theme } = page.data;
  if (!account) return <Empty title={t.page.noAccount} text={t.page.noAccountText} />;
  return <AccountPage {...account} permissions={permissions} logo={theme.logo} />;
}

/** Sections of an account, for its own page and for the operator who looks at it. */
export function AccountPage(props: {
  id: string;
  name: string;
  contract: string;
  permissions: Permission[];
  logo?: string | undefined;
  foot?: ReactNode;
}) {
  const { id, name, contract: contractName, permissions, logo, foot } = props;
  const { t } = useLanguage();
  const sections = useSections();
  const contract = useQuery({
    queryKey: ['contract', contractName],
    queryFn: () => get<Contract>(`/v1/contracts/${contractName}`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [, navigate] = useLocation();
  const [help, setHelp] = useState(false);
  useKeys({
    '?': () => setHelp(true),
    '/': () => document.querySelector<HTMLInputElement>('input[type="search"]')?.focus(),
    g: () => navigate('/'),
    m: () => navigate('/messages'),
  });
  if (contract.error) return <ErrorNote error={contract.error} />;
  if (!contract.data) return <LoadingShell />;
  return (
    <AccountProvider value={{ id, name, contract: contract.data, permissions }}>
      <Shell
        brand={logo === undefined ? name : <img src={logo} alt={name} />}
        sections={sections}
        onHover={(path) => void (SECTIONS as Partial<typeof SECTIONS>)[path as keyof typeof SECTIONS]?.load()}
        foot={
          <>
            {foot}
            <Button kind="plain" size="small" onClick={() => setHelp(true)}>
              <Keyboard size={14} aria-hidden /> {t.keyboard.title}
            </Button>
          </>
        }
      >
        <Suspense fallback={<Skeleton />}>
          <Switch>
            {Object.entries(SECTIONS).map(([path, { view }]) => (
              <Route key={path} path={path} component={view} />
            ))}
            <Route component={Webhooks} />
          </Switch>
        </Suspense>
      </Shell>
      {help && <KeyboardHelp onClose={() => setHelp(false)} />}
    </AccountProvider>
  );
}

function KeyboardHelp({ onClose }: { onClose: () => void }) {
  const { t } = useLanguage();
  return (
    <Dialog title={t.keyboard.title} onClose={onClose}>
      <dl className="pairs">
        {t.keyboard.keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              {key?.split(' ').map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
