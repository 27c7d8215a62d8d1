import { useQuery } from '@tanstack/react-query';
import { BookOpen, History, Keyboard, KeyRound, Mailbox, MessageSquare, Webhook } from 'lucide-react';
import { type ComponentProps, type ComponentType, lazy, type ReactNode, Suspense, useMemo, useState } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { AccountProvider, hasSettings, useAccount } from './account.tsx';
import { ApiError, get, SESSION } from './api.ts';
import { applyTheme, useHost } from './embedding.ts';
import { LoadingShell, Shell } from './shell.tsx';
import type { Texts } from './texts/en.ts';
import { OwnTexts, useLanguage } from './texts/language.tsx';
import { translated, translationOf } from './texts/translate.ts';
import type { Contract, PageInfo, Permission } from './types.ts';
import { Boundary } from './ui/boundary.tsx';
import { Button } from './ui/button.tsx';
import { Dialog } from './ui/dialog.tsx';
import { Check } from './ui/field.tsx';
import { keysOff, useKeys, walkRows } from './ui/keyboard.ts';
import { Empty, ErrorNote, QueryError, Skeleton } from './ui/notes.tsx';
import { SwitchedOff, useSwitchedOff } from './webhooks/switched-off.tsx';
import { VendorLinks } from './webhooks/vendor-links.tsx';
import { Webhooks } from './webhooks/webhooks.tsx';

/**
 * A section that is read when it is needed, or when the pointer says that it soon will be. One that has been read is
 * drawn at once: React shows what stands in for a lazy part for a third of a second, however soon the part is there.
 */
function section(path: string, read: () => Promise<ComponentType>) {
  let loaded: ComponentType | undefined;
  const load = async () => {
    loaded ??= await read();
    return loaded;
  };
  const Lazy = lazy(async () => ({ default: await load() }));
  const View = () => {
    // The same for as long as it stands: another one would begin anew.
    const [Section] = useState(() => loaded ?? Lazy);
    return <Section />;
  };
  return { path, load, View };
}

const SharedBin = lazy(async () => ({ default: (await import('./inspector/shared-bin.tsx')).SharedBin }));

const KEYS = section('/keys', async () => (await import('./keys/keys.tsx')).Keys);

const SECTIONS = [
  section('/messages', async () => (await import('./messages/messages.tsx')).Messages),
  section('/events', async () => (await import('./events/events.tsx')).Events),
  KEYS,
  section('/inspector', async () => (await import('./inspector/inspector.tsx')).Inspector),
  section('/audit', async () => (await import('./audit/audit.tsx')).Audit),
];

/** Reads a section ahead; when that fails, the section says so itself. */
function readAhead(path: string): void {
  SECTIONS.find((one) => one.path === path)
    ?.load()
    .catch(() => {});
}

// While the account and its contract are asked for.
readAhead(location.pathname.replace(/^\/page/, ''));

function sectionsOf(t: Texts, contract: Contract) {
  const { words } = contract;
  return [
    {
      path: '/',
      title: hasSettings(contract) ? t.nav.webhooks : t.webhooks.title(words.endpoint),
      icon: Webhook,
    },
    { path: '/messages', title: t.nav.messages, icon: MessageSquare },
    { path: '/events', title: t.nav.events, icon: BookOpen },
    // Where the keys stand below the webhooks, this leads down to them.
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
      const info = await get<PageInfo>(SESSION);
      await applyTheme(info.theme);
      return info;
    },
    staleTime: 60_000,
  });
  useHost(page.data?.expires_at ?? null, page.data?.expires_in ?? null);
  if (page.error && !page.data) {
    const isRefused = page.error instanceof ApiError && page.error.problem.status === 401;
    return (
      <main className="main">
        {isRefused ? (
          <Empty isScreen title={t.page.closed} text={t.page.closedText} />
        ) : (
          <Empty isScreen title={t.page.notReached} text={t.page.notReachedText}>
            <ErrorNote error={page.error} />
            <Button onClick={() => void page.refetch()}>{t.common.again}</Button>
          </Empty>
        )}
      </main>
    );
  }
  if (!page.data) return <LoadingShell />;
  const { account, permissions, theme, bin } = page.data;
  if (!account) return <Empty isScreen title={t.page.noAccount} text={t.page.noAccountText} />;
  if (bin !== null) {
    return (
      <Suspense fallback={<LoadingShell />}>
        <SharedBin account={account} id={bin} />
      </Suspense>
    );
  }
  return <AccountPage {...account} permissions={permissions} logo={theme.logo} />;
}

/** Sections of an account, for its own page and for the operator who looks at it. */
export function AccountPage(props: AccountPageProps) {
  const { id, name, contract: contractName, permissions } = props;
  const { tag } = useLanguage();
  const contract = useQuery({
    queryKey: ['contract', contractName],
    queryFn: () => get<Contract>(`/v1/contracts/${contractName}`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const account = useMemo(
    () => contract.data && { id, name, contract: translated(contract.data, tag), permissions },
    [id, name, contract.data, tag, permissions],
  );
  if (contract.error && !contract.data) return <QueryError of={contract} />;
  if (!contract.data || !account) return <LoadingShell />;
  return (
    <OwnTexts texts={translationOf(contract.data, tag).texts}>
      <AccountProvider value={account}>
        <AccountScreens {...props} />
      </AccountProvider>
    </OwnTexts>
  );
}

interface AccountPageProps {
  id: string;
  name: string;
  contract: string;
  permissions: Permission[];
  logo?: string | undefined;
  foot?: ReactNode;
}

function AccountScreens({ name, logo, foot }: AccountPageProps) {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const [location, navigate] = useLocation();
  const [help, setHelp] = useState(false);
  useKeys({
    '?': () => setHelp(true),
    '/': () => document.querySelector<HTMLInputElement>('input[type="search"]')?.focus(),
    g: () => navigate('/'),
    m: () => navigate('/messages'),
    j: () => walkRows(1),
    k: () => walkRows(-1),
  });
  const isOnePage = contract.page.keys === 'below-webhooks' && (location === '/' || location === '/keys');
  return (
    <>
      <MarkedShell
        brand={logo === undefined ? name : <img src={logo} alt={name} />}
        sections={sectionsOf(t, contract)}
        onHover={readAhead}
        foot={
          <>
            {foot}
            <Button kind="plain" size="small" onClick={() => setHelp(true)}>
              <Keyboard size={14} aria-hidden /> {t.keyboard.title}
            </Button>
          </>
        }
      >
        <SwitchedOff />
        {/* The way to the keys on the same page begins nothing anew. */}
        <Boundary key={isOnePage ? '/' : location}>
          <Suspense fallback={<Skeleton />}>{isOnePage ? <WebhooksAndKeys /> : <Screens />}</Suspense>
        </Boundary>
      </MarkedShell>
      {help && <KeyboardHelp onClose={() => setHelp(false)} />}
    </>
  );
}

/** The navigation says where somebody is needed. */
function MarkedShell(props: ComponentProps<typeof Shell>) {
  const { t } = useLanguage();
  const count = useSwitchedOff().length;
  const mark = count === 0 ? undefined : t.deactivation.mark(count);
  const sections = props.sections.map((section) => (section.path === '/' ? { ...section, mark } : section));
  return <Shell {...props} sections={sections} />;
}

function Screens() {
  const { t } = useLanguage();
  return (
    <Switch>
      {SECTIONS.map(({ path, View }) => (
        <Route key={path} path={path} component={View} />
      ))}
      <Route path="/" component={Webhooks} />
      <Route>
        <Empty isScreen title={t.page.notFound} text={t.page.notFoundText} />
      </Route>
    </Switch>
  );
}

function WebhooksAndKeys() {
  return (
    <>
      <Webhooks />
      <Boundary>
        <Suspense fallback={<Skeleton rows={2} />}>
          <KEYS.View />
        </Suspense>
      </Boundary>
      <VendorLinks />
    </>
  );
}

function KeyboardHelp({ onClose }: { onClose: () => void }) {
  const { t } = useLanguage();
  const [isOn, setOn] = useState(!keysOff.get());
  return (
    <Dialog title={t.keyboard.title} onClose={onClose}>
      <div className="stack">
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
        <Check
          label={t.keyboard.use}
          checked={isOn}
          onChange={(checked) => {
            keysOff.set(!checked);
            setOn(checked);
          }}
        />
      </div>
    </Dialog>
  );
}
