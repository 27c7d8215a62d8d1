import { useState } from 'react';
import { useAccount, useEndpoints, useUrlState } from '../account.tsx';
import { MessageList } from '../messages/message-list.tsx';
import { Replays } from '../messages/replays.tsx';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { QueryError, Skeleton } from '../ui/notes.tsx';
import { useTitle } from '../ui/title.ts';
import { AddressCard } from './address-card.tsx';
import { EndpointStatusView } from './endpoint-status.tsx';
import { EventToggles } from './event-toggles.tsx';
import { NewAddressCard } from './new-address-card.tsx';
import { NoticesButton } from './notices.tsx';
import { VerifyHelp } from './verify.tsx';

/**
 * The settings of contracts with one endpoint per account: URL, on or off, secret, toggles, and messages below. They
 * are there from the beginning, empty: nothing exists until a URL is saved, and nothing is sent until it is switched on.
 */
export function EndpointSettings() {
  const { t } = useLanguage();
  const endpoints = useEndpoints();
  const endpoint = endpoints.data?.data[0];
  useTitle(t.nav.webhooks);
  return (
    <>
      <Head title={t.nav.webhooks} about={endpoint && <EndpointStatusView endpoint={endpoint} />}>
        <NoticesButton />
      </Head>
      <QueryError of={endpoints} />
      {!endpoints.data && !endpoints.error && <Skeleton />}
      {endpoints.data && (endpoint ? <Existing key={endpoint.id} endpoint={endpoint} /> : <Beginning />)}
    </>
  );
}

function Existing({ endpoint }: { endpoint: Endpoint }) {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const wished = params.get('url') ?? undefined;
  return (
    <div className="stack">
      <AddressCard endpoint={endpoint} wished={wished} onMoved={() => wished && set({ url: null }, true)} />
      <EventToggles endpoint={endpoint} />
      <details className="card">
        <summary>{t.verify.title}</summary>
        <div className="body">
          <VerifyHelp endpoint={endpoint} />
        </div>
      </details>
      <div className="row">
        <h2>{t.messages.title}</h2>
        <span className="quiet">{t.messages.kept(contract.policy.retention_days)}</span>
        <span className="grow" />
        <Replays />
      </div>
      <MessageList />
    </div>
  );
}

/** Events can be chosen before there is an address: they are kept with it. */
function Beginning() {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  return (
    <div className="stack">
      <NewAddressCard
        url={params.get('url') ?? ''}
        chosen={chosen}
        onDone={() => set({ url: null, new: null }, true)}
      />
      <EventToggles chosen={chosen} onChoose={setChosen} />
      <h2>{t.messages.title}</h2>
      <p className="quiet">{t.messages.noneText(contract.words.endpoint)}</p>
    </div>
  );
}
