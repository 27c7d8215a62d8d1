import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Activity, FileText, History, KeyRound, LogOut, Users, Waypoints } from 'lucide-react';
import { Link, Route, Router, Switch, useLocation, useParams } from 'wouter';
import { ApiError, get, part, post, SESSION } from '../api.ts';
import { AuditTable } from '../audit/audit-table.tsx';
import { lookAgain, useConnection } from '../connection.ts';
import { AccountPage } from '../developers.tsx';
import { Head, Shell } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Account, PageInfo, Permission } from '../types.ts';
import { Boundary } from '../ui/boundary.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { useKeys, walkRows } from '../ui/keyboard.ts';
import { QueryError } from '../ui/notes.tsx';
import { useTitle } from '../ui/title.ts';
import { Accounts } from './accounts.tsx';
import { Contracts } from './contracts.tsx';
import { Health } from './health.tsx';
import { OperatorKeys } from './operator-keys.tsx';
import { SignIn } from './sign-in.tsx';
import { Sources } from './sources.tsx';

/** The operator's console: sign-in, then accounts, contracts and how everything is doing. */
export function Console() {
  const { t } = useLanguage();
  const page = useQuery({ queryKey: ['page'], queryFn: () => get<PageInfo>(SESSION), staleTime: 60_000 });
  const queries = useQueryClient();
  const connection = useConnection();
  if (!page.data && page.error instanceof ApiError && page.error.problem.status === 401) {
    return (
      <main className="signin">
        <h1>{'Posthorn'}</h1>
        <SignIn onDone={() => void queries.invalidateQueries({ queryKey: ['page'] })} />
      </main>
    );
  }
  if (page.error && !page.data) return <QueryError of={page} />;
  if (!page.data) return null;
  return (
    <>
      <Switch>
        <Route path="/accounts/:account/*?">
          <OneAccount permissions={page.data.permissions} />
        </Route>
        <Route>
          <Sections operator={page.data.operator} />
        </Route>
      </Switch>
      {connection === 'ended' && (
        // Above whatever is open: nothing that was typed is lost.
        <Dialog title={t.console.signIn} isFinal onClose={() => {}}>
          <SignIn onDone={() => void lookAgain()} />
        </Dialog>
      )}
    </>
  );
}

function Sections({ operator }: { operator: PageInfo['operator'] }) {
  const { t } = useLanguage();
  const [location] = useLocation();
  useTitle('Posthorn');
  useKeys({ j: () => walkRows(1), k: () => walkRows(-1) });
  const sections = [
    { path: '/', title: t.console.accounts, icon: Users },
    { path: '/health', title: t.console.health, icon: Activity },
    { path: '/sources', title: t.sources.sources, icon: Waypoints },
    { path: '/contracts', title: t.console.contracts, icon: FileText },
    { path: '/audit', title: t.nav.audit, icon: History },
    ...(operator === null || operator.role === 'admin'
      ? [{ path: '/operator-keys', title: t.operatorKeys.title, icon: KeyRound }]
      : []),
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
          {operator && (
            <span className="quiet" title={t.operatorKeys.roles[operator.role]}>
              {operator.name}
            </span>
          )}
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
          <Route path="/sources" component={Sources} />
          <Route path="/contracts" component={Contracts} />
          <Route path="/operator-keys" component={OperatorKeys} />
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
function OneAccount({ permissions }: { permissions: Permission[] }) {
  const { account: id = '' } = useParams();
  const { t } = useLanguage();
  const account = useQuery({
    queryKey: ['account', id],
    queryFn: () => get<Account>(`/v1/accounts/${part(id)}`),
  });
  if (account.error && !account.data) {
    return (
      <main className="main">
        <QueryError of={account} />
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
        permissions={permissions}
        foot={
          <Link href="~/console/" className="button plain small">
            {t.console.back}
          </Link>
        }
      />
    </Router>
  );
}
