import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Activity, FileText, History, LogOut, Users } from 'lucide-react';
import { type FormEvent, useEffect, useState } from 'react';
import { Link, Route, Router, Switch, useLocation, useParams, useSearch } from 'wouter';
import { ApiError, get, post } from './api.ts';
import { AuditTable } from './audit.tsx';
import { AccountPage } from './developers.tsx';
import type { Account, Bucket, Page, PageInfo } from './types.ts';
import { bytes, Dialog, Empty, ErrorNote, Skeleton, Time, toast, VolumeChart } from './ui.tsx';

const ALL = ['read', 'webhooks', 'keys'] as const;

/** The operator's console: sign-in, then accounts, contracts and how everything is doing. */
export function Console() {
  const page = useQuery({ queryKey: ['page'], queryFn: () => get<PageInfo>('/v1/page'), retry: false });
  const queries = useQueryClient();
  useEffect(() => {
    document.title = 'Posthorn';
  }, []);
  if (page.error instanceof ApiError && page.error.problem.status === 401) {
    return <SignIn onDone={() => void queries.invalidateQueries({ queryKey: ['page'] })} />;
  }
  if (page.error) return <ErrorNote error={page.error} />;
  if (!page.data) return null;
  return (
    <Switch>
      <Route path="/accounts/:account/*?" component={OneAccount} />
      <Route component={Sections} />
    </Switch>
  );
}

function SignIn({ onDone }: { onDone: () => void }) {
  const search = useSearch();
  const [key, setKey] = useState('');
  const [error, setError] = useState<unknown>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      await post('/sign-in', { key });
      onDone();
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <main className="signin">
      <h1>Posthorn</h1>
      {search.includes('link=used') && (
        <div className="note wait">This link has been used or is wrong. Use the operator key.</div>
      )}
      <form className="stack" onSubmit={submit}>
        <label className="field">
          <span>Operator key</span>
          <input
            type="password"
            autoComplete="current-password"
            required
            value={key}
            onChange={(e) => setKey(e.target.value)}
          />
          <small>
            It was printed at the first start and is kept in the data folder as <code>operator-key</code>.
          </small>
        </label>
        <button type="submit" className="button primary">
          Sign in
        </button>
        <ErrorNote error={error} />
      </form>
    </main>
  );
}

const SECTIONS = [
  { path: '/', title: 'Accounts', icon: Users },
  { path: '/health', title: 'Health', icon: Activity },
  { path: '/contracts', title: 'Contracts', icon: FileText },
  { path: '/audit', title: 'Audit log', icon: History },
] as const;

function Sections() {
  const [location] = useLocation();
  return (
    <div className="shell">
      <nav className="nav" aria-label="Sections">
        <div className="brand">Posthorn</div>
        {SECTIONS.map(({ path, title, icon: Icon }) => (
          <Link key={path} href={path} aria-current={location === path ? 'page' : undefined}>
            <Icon size={16} aria-hidden /> {title}
          </Link>
        ))}
        <div className="foot">
          <a href="/docs" style={{ padding: 0, display: 'inline' }}>
            API
          </a>
          <button
            type="button"
            className="button plain small"
            onClick={async () => {
              await post('/sign-out');
              window.location.assign('/console/');
            }}
          >
            <LogOut size={14} aria-hidden /> Sign out
          </button>
        </div>
      </nav>
      <main className="main">
        <Switch>
          <Route path="/health" component={Health} />
          <Route path="/contracts" component={Contracts} />
          <Route path="/audit">
            <div className="head">
              <h1>Audit log</h1>
            </div>
            <AuditTable path="/v1/audit" withAccount />
          </Route>
          <Route component={Accounts} />
        </Switch>
      </main>
    </div>
  );
}

/** An account's page as its people see it. */
function OneAccount() {
  const { account: id = '' } = useParams();
  const account = useQuery({
    queryKey: ['account', id],
    queryFn: () => get<Account>(`/v1/accounts/${encodeURIComponent(id)}`),
  });
  if (account.error) {
    return (
      <main className="main">
        <ErrorNote error={account.error} />
      </main>
    );
  }
  if (!account.data) return null;
  return (
    <Router base={`/accounts/${id}`}>
      <AccountPage
        id={account.data.id}
        name={account.data.name}
        contract={account.data.contract}
        permissions={[...ALL]}
        before={
          <Link href="~/console/" className="button plain small" style={{ padding: '0 8px' }}>
            Console
          </Link>
        }
      />
    </Router>
  );
}

function Accounts() {
  const [, navigate] = useLocation();
  const [search, setSearch] = useState('');
  const [isNew, setNew] = useState(false);
  const accounts = useInfiniteQuery({
    queryKey: ['accounts', search],
    queryFn: ({ pageParam }) =>
      get<Page<Account>>(
        `/v1/accounts?limit=100${search === '' ? '' : `&q=${encodeURIComponent(search)}`}${pageParam ? `&cursor=${pageParam}` : ''}`,
      ),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
  });
  const list = accounts.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <>
      <div className="head">
        <h1>Accounts</h1>
        <span className="grow" />
        <button type="button" className="button primary" onClick={() => setNew(true)}>
          Create account
        </button>
      </div>
      <search className="toolbar">
        <input
          type="search"
          aria-label="Search accounts"
          placeholder="Id or name"
          value={search}
          onChange={(e) => setSearch(e.target.value)}
        />
      </search>
      <ErrorNote error={accounts.error} />
      {!accounts.data && !accounts.error && <Skeleton />}
      {accounts.data && list.length === 0 && (
        <Empty
          title={search === '' ? 'Welcome to Posthorn' : 'Nothing found'}
          text={
            search === ''
              ? 'An account is one customer of your product. Create one, add a webhook on a request bin, send an example, and see it verified: that takes a minute.'
              : 'No account has this in its id or name.'
          }
        >
          {search === '' && (
            <button type="button" className="button primary" onClick={() => setNew(true)}>
              Create the first account
            </button>
          )}
        </Empty>
      )}
      {list.length > 0 && (
        <section className="scroll" aria-label="Accounts" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th>Id</th>
                <th>Contract</th>
                <th>Created</th>
              </tr>
            </thead>
            <tbody>
              {list.map((account) => (
                <tr key={account.id}>
                  <td>
                    <Link href={`/accounts/${account.id}`}>{account.name}</Link>
                  </td>
                  <td className="mono">{account.id}</td>
                  <td>{account.contract}</td>
                  <td>
                    <Time at={account.created_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {accounts.hasNextPage && (
        <button type="button" className="button" onClick={() => void accounts.fetchNextPage()}>
          More
        </button>
      )}
      {isNew && <NewAccount onClose={() => setNew(false)} onDone={(id) => navigate(`/accounts/${id}`)} />}
    </>
  );
}

function NewAccount({ onClose, onDone }: { onClose: () => void; onDone: (id: string) => void }) {
  const contracts = useQuery({
    queryKey: ['contracts'],
    queryFn: () => get<{ data: { name: string; title: string; description: string }[] }>('/v1/contracts'),
  });
  const [name, setName] = useState('');
  const [contract, setContract] = useState('standard');
  const [error, setError] = useState<unknown>();
  const create = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const account = await post<Account>('/v1/accounts', { name, contract });
      toast('Account created.');
      onDone(account.id);
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <Dialog
      title="Create account"
      onClose={onClose}
      footer={
        <>
          <span className="grow" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" form="account-form" className="button primary">
            Create
          </button>
        </>
      }
    >
      <form id="account-form" className="stack" onSubmit={create}>
        <label className="field">
          <span>Name</span>
          <input type="text" required maxLength={200} value={name} onChange={(e) => setName(e.target.value)} />
          <small>One customer of your product.</small>
        </label>
        <fieldset>
          <legend className="legend">Contract</legend>
          {contracts.data?.data.map((one) => (
            <label className="check" key={one.name}>
              <input
                type="radio"
                name="contract"
                value={one.name}
                checked={contract === one.name}
                onChange={() => setContract(one.name)}
              />
              <span>
                {one.title}
                <br />
                <small className="quiet">{one.description}</small>
              </span>
            </label>
          ))}
        </fieldset>
        <ErrorNote error={error} />
      </form>
    </Dialog>
  );
}

interface Overview {
  accounts: number;
  waiting: number;
  nodes: { id: number; host: string; started_at: string; heartbeat_at: string; is_this: boolean }[];
  in_flight: number;
  in_memory: number;
  oldest_waiting_at: string | null;
  database: { version: string; size_bytes: number; oldest_day: string | null };
  volume: Bucket[];
  failing: {
    account_id: string;
    endpoint_id: string;
    url: string;
    status: string;
    reason: string | null;
    failures_in_a_row: number;
  }[];
}

function Health() {
  const overview = useQuery({
    queryKey: ['overview'],
    queryFn: () => get<Overview>('/v1/overview'),
    refetchInterval: 5_000,
  });
  const data = overview.data;
  const delivered = (data?.volume ?? []).reduce((sum, bucket) => sum + bucket.succeeded, 0);
  return (
    <>
      <div className="head">
        <h1>Health</h1>
      </div>
      <ErrorNote error={overview.error} />
      {!data && !overview.error && <Skeleton />}
      {data && (
        <div className="stack">
          <dl className="tiles" style={{ margin: 0 }}>
            <Tile name="Delivered in 24 hours" value={delivered.toLocaleString()} />
            <Tile name="Waiting" value={data.waiting.toLocaleString()} />
            <Tile name="In flight here" value={data.in_flight.toLocaleString()} />
            <Tile name="Accounts" value={data.accounts.toLocaleString()} />
          </dl>
          <section className="card" aria-label="The last 24 hours">
            <header>
              <h2>The last 24 hours</h2>
              <span className="quiet">
                Oldest waiting: {data.oldest_waiting_at ? <Time at={data.oldest_waiting_at} /> : 'nothing waits'}
              </span>
            </header>
            <div className="body">
              <VolumeChart buckets={data.volume} bucketMs={3_600_000} />
            </div>
          </section>
          <section aria-label="Failing endpoints" className="stack tight">
            <h2>Failing endpoints</h2>
            {data.failing.length === 0 ? (
              <p className="quiet">None: no endpoint is failing or was switched off.</p>
            ) : (
              <section className="scroll" aria-label="Failing endpoints" tabIndex={0}>
                <table>
                  <thead>
                    <tr>
                      <th>Account</th>
                      <th>URL</th>
                      <th>Status</th>
                      <th className="num">Failures in a row</th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.failing.map((endpoint) => (
                      <tr key={endpoint.endpoint_id}>
                        <td>
                          <Link href={`/accounts/${endpoint.account_id}/?endpoint=${endpoint.endpoint_id}`}>
                            {endpoint.account_id}
                          </Link>
                        </td>
                        <td className="mono">{endpoint.url}</td>
                        <td>{endpoint.reason ?? endpoint.status}</td>
                        <td className="num">{endpoint.failures_in_a_row}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </section>
            )}
          </section>
          <section aria-label="Nodes" className="stack tight">
            <h2>Nodes</h2>
            <section className="scroll" aria-label="Nodes" tabIndex={0}>
              <table>
                <thead>
                  <tr>
                    <th>Node</th>
                    <th>Host</th>
                    <th>Started</th>
                    <th>Heartbeat</th>
                  </tr>
                </thead>
                <tbody>
                  {data.nodes.map((node) => (
                    <tr key={node.id}>
                      <td>
                        {node.id} {node.is_this && <span className="tag">this one</span>}
                      </td>
                      <td>{node.host}</td>
                      <td>
                        <Time at={node.started_at} />
                      </td>
                      <td>
                        <Time at={node.heartbeat_at} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </section>
          </section>
          <section aria-label="Database" className="stack tight">
            <h2>Database</h2>
            <p className="quiet">
              PostgreSQL {data.database.version}, {bytes(data.database.size_bytes)}, history since{' '}
              {data.database.oldest_day ?? 'today'}.
            </p>
          </section>
        </div>
      )}
    </>
  );
}

function Tile({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Contracts() {
  const contracts = useQuery({
    queryKey: ['contracts'],
    queryFn: () => get<{ data: { name: string; title: string; description: string }[] }>('/v1/contracts'),
  });
  const [left, setLeft] = useState('standard');
  const [right, setRight] = useState('');
  return (
    <>
      <div className="head">
        <h1>Contracts</h1>
      </div>
      <div className="stack">
        <section className="scroll" aria-label="Contracts" tabIndex={0}>
          <table>
            <tbody>
              {contracts.data?.data.map((contract) => (
                <tr key={contract.name}>
                  <td>{contract.title}</td>
                  <td className="mono">{contract.name}</td>
                  <td title={contract.description}>{contract.description}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <section className="card" aria-label="Compare two contracts">
          <header>
            <h2>Compare two contracts</h2>
          </header>
          <div className="body stack">
            <div className="row">
              {(
                [
                  ['Before', left, setLeft],
                  ['After', right, setRight],
                ] as const
              ).map(([label, value, set]) => (
                <label className="field" key={label}>
                  <span>{label}</span>
                  <select value={value} onChange={(e) => set(e.target.value)}>
                    <option value="">Choose one</option>
                    {contracts.data?.data.map(({ name }) => (
                      <option key={name}>{name}</option>
                    ))}
                  </select>
                </label>
              ))}
            </div>
            {left !== '' && right !== '' && <Differences left={left} right={right} />}
          </div>
        </section>
      </div>
    </>
  );
}

interface Change {
  kind: 'breaking' | 'compatible';
  path: string;
  what: string;
}

function Differences({ left, right }: { left: string; right: string }) {
  const changes = useQuery({
    queryKey: ['diff', left, right],
    queryFn: () => get<{ data: Change[] }>(`/v1/contracts/${left}/diff?to=${right}`),
  });
  if (changes.error) return <ErrorNote error={changes.error} />;
  if (!changes.data) return <Skeleton />;
  if (changes.data.data.length === 0) return <p className="quiet">They promise the same.</p>;
  return (
    <section className="scroll" aria-label="Differences" tabIndex={0}>
      <table>
        <tbody>
          {changes.data.data.map((change) => (
            <tr key={`${change.path} ${change.what}`}>
              <td>
                {change.kind === 'breaking' ? (
                  <span className="status bad">breaking</span>
                ) : (
                  <span className="status off">compatible</span>
                )}
              </td>
              <td className="mono">{change.path}</td>
              <td title={change.what}>{change.what}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
