import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Activity, FileText, History, LogOut, Users } from 'lucide-react';
import { useEffect } from 'react';
import { Link, Route, Router, Switch, useLocation, useParams } from 'wouter';
import { ApiError, get, part, post } from '../api.ts';
import { AuditTable } from '../audit/audit-table.tsx';
import { AccountPage } from '../developers.tsx';
import { onSessionEnd } from '../session-end.ts';
import { Head, Shell } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Account, PageInfo, Permission } from '../types.ts';
import { Boundary } from '../ui/boundary.tsx';
import { Button } from '../ui/button.tsx';
import { useKeys, walkRows } from '../ui/keyboard.ts';
import { ErrorNote } from '../ui/notes.tsx';
import { useTitle } from '../ui/title.ts';
import { Accounts } from './accounts.tsx';
import { Contracts } from './contracts.tsx';
import { Health } from './health.tsx';
import { SignIn } from './sign-in.tsx';

const ALL: Permission[] = ['read', 'webhooks', 'keys'];

/** The operator's console: sign-in, then accounts, contracts and how everything is doing. */
export function Console() {
  const page = useQuery({ queryKey: ['page'], queryFn: () => get<PageInfo>('/v1/page'), staleTime: 60_000 });
  const queries = useQueryClient();
  useEffect(
    () =>
      onSessionEnd(() => {
        // It was open: who is signed in is asked anew.
        if (queries.getQueryData(['page']) !== undefined) void queries.resetQueries({ queryKey: ['page'] });
      }),
    [queries],
  );
  if (page.error instanceof ApiError && page.error.problem.status === 401) {
    return <SignIn onDone={() => void queries.invalidateQueries({ queryKey: ['page'] })} />;
  }
  if (page.error && !page.data) return <ErrorNote error={page.error} />;
  if (!page.data) return null;
  return (
    <Switch>
      <Route path="/accounts/:account/*?" component={OneAccount} />
      <Route component={Sections} />
    </Switch>
  );
}

function Sections() {
  const { t } = useLanguage();
  const [location] = useLocation();
  useTitle('Posthorn');
  useKeys({ j: () => walkRows(1), k: () => walkRows(-1) });
  const sections = [
    { path: '/', title: t.console.accounts, icon: Users },
    { path: '/health', title: t.console.health, icon: Activity },
    { path: '/contracts', title: t.console.contracts, icon: FileText },
    { path: '/audit', title: t.nav.audit, icon: History },
  ];
  const signOut = async () => {
    await post('/sign-out').catch(() => {});
    window.location.assign('/console/');
  };
  return (
    <Shell
      brand="Posthorn"
      sections={sections}
      foot={
        <>
          <a className="button plain small" href="/docs">
            {t.console.api}
          </a>
          <Button kind="plain" size="small" onClick={signOut}>
            <LogOut size={14} aria-hidden /> {t.console.signOut}
          </Button>
        </>
      }
    >
      <Boundary key={location}>
        <Switch>
          <Route path="/health" component={Health} />
          <Route path="/contracts" component={Contracts} />
          <Route path="/audit">
            <Head title={t.nav.audit} />
            <AuditTable path="/v1/audit" withAccount />
          </Route>
          <Route component={Accounts} />
        </Switch>
      </Boundary>
    </Shell>
  );
}

/** An account's page as its people see it. */
function OneAccount() {
  const { account: id = '' } = useParams();
  const { t } = useLanguage();
  const account = useQuery({
    queryKey: ['account', id],
    queryFn: () => get<Account>(`/v1/accounts/${part(id)}`),
  });
  if (account.error && !account.data) {
    return (
      <main className="main">
        <ErrorNote error={account.error} />
      </main>
    );
  }
  if (!account.data) return null;
  const { name, contract } = account.data;
  return (
    <Router base={`/accounts/${id}`}>
      <AccountPage
        id={id}
        name={name}
        contract={contract}
        permissions={ALL}
        foot={
          <Link href="~/console/" className="button plain small">
            {t.console.back}
          </Link>
        }
      />
    </Router>
  );
}
