import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from 'wouter';
import { useAccount, useEndpoints, useUrlOf } from '../account.tsx';
import { get, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Page, Pair } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { ErrorNote, QueryError } from '../ui/notes.tsx';
import { gettersOf } from './getters.ts';
import { RequestPreview } from './request-preview.tsx';
import { fieldsOf } from './schema-fields.ts';

/** One event: what it says, who gets it, its fields and a sample. */
export function EventDrawer({ trigger, onClose }: { trigger: string; onClose: () => void }) {
  const { contract, triggerLabel } = useAccount();
  const { t } = useLanguage();
  const word = contract.triggers.find((one) => one.value === trigger);
  const pairs = contract.pairs.filter((pair) => pair.trigger === trigger);
  return (
    <Dialog title={triggerLabel(trigger)} kind="drawer" onClose={onClose}>
      <div className="stack">
        {word && <p>{word.description}</p>}
        <div className="row">
          <code>{trigger}</code> <Copyable text={trigger} label={t.events.copyName} />
          <span className="grow" />
          <Link className="button small plain" href={`/messages?trigger=${encodeURIComponent(trigger)}`}>
            {t.endpoint.itsMessages}
          </Link>
        </div>
        {word && word.implies.length > 0 && (
          <p className="quiet">{t.events.implies(word.implies.map((one) => one.trigger))}</p>
        )}
        <Getters trigger={trigger} />
        {pairs.map((pair) => (
          <PairView key={`${pair.topic} ${pair.trigger}`} pair={pair} />
        ))}
        {contract.free_triggers && pairs.length === 0 && <NewestEvent trigger={trigger} />}
      </div>
    </Dialog>
  );
}

interface Sent {
  endpoint_id: string;
  succeeded: boolean;
  status: number | null;
  error: string | null;
}

/** Which of my webhooks get it; a sample can be sent to all of them. */
function Getters({ trigger }: { trigger: string }) {
  const { path, may, contract } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const urlOf = useUrlOf();
  const getters = gettersOf(useEndpoints().data?.data ?? [], trigger);
  const send = useMutation({
    mutationFn: () => post<{ data: Sent[] }>(`${path}/examples`, { trigger }),
    onSuccess: () => queries.invalidateQueries({ queryKey: [path, 'deliveries'] }),
  });
  return (
    <section className="stack tight" aria-label={t.events.whoGetsIt}>
      <h3>{t.events.whoGetsIt}</h3>
      {getters.length === 0 ? (
        <div className="row">
          <p className="quiet">{t.events.noGetters}</p>
          {may('webhooks') && contract.limits.endpoints_per_account > 1 && (
            <Link className="button small" href={`/?new=1&trigger=${encodeURIComponent(trigger)}`}>
              {t.webhooks.create(contract.words.endpoint)}
            </Link>
          )}
        </div>
      ) : (
        <ul className="plain">
          {getters.map((endpoint) => (
            <li key={endpoint.id}>
              <code>{endpoint.url}</code>{' '}
              {endpoint.status === 'inactive' && <span className="tag">{t.endpoint.inactive}</span>}
            </li>
          ))}
        </ul>
      )}
      {may('webhooks') && getters.length > 0 && (
        <div>
          <Button disabled={send.isPending} onClick={() => send.mutate()}>
            {t.events.sendExample}
          </Button>
        </div>
      )}
      <ErrorNote error={send.error} />
      {send.data && (
        <div className="stack tight" role="status">
          {send.data.data.length === 0 && <p className="quiet">{t.events.nothingSent}</p>}
          {send.data.data.map((one) => (
            <div key={one.endpoint_id} className={`note ${one.succeeded ? 'good' : 'bad'}`}>
              <code>{urlOf(one.endpoint_id)}</code>{' '}
              {one.status === null
                ? (t.attemptErrors[one.error ?? '']?.what ?? one.error)
                : t.events.answered(one.status)}
            </div>
          ))}
        </div>
      )}
    </section>
  );
}

function PairView({ pair }: { pair: Pair }) {
  const { contract, topicLabel } = useAccount();
  const { t } = useLanguage();
  const schema = pair.schema === null ? undefined : contract.schemas[pair.schema];
  const fields = schema ? fieldsOf(schema, contract.schemas, pair.schema ?? '') : [];
  const isSole = pair.topic === null || pair.topic === pair.trigger;
  return (
    <section className="stack tight" aria-label={pair.topic ?? t.events.payload}>
      <h3>{isSole ? t.events.payload : t.common.labelled(contract.words.topic, topicLabel(pair.topic))}</h3>
      {fields.length > 0 && (
        <section className="code" aria-label={t.events.fields} tabIndex={0}>
          <table className="fields">
            <tbody>
              {fields.map((field) => (
                <tr key={field.path}>
                  <th scope="row">
                    <code>{field.path}</code>
                  </th>
                  <td>
                    <span className="mono quiet">{field.type}</span>
                    {field.isRequired && <span className="tag">{t.events.required}</span>}
                    {field.description !== '' && <p>{field.description}</p>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <h3>{t.events.sample}</h3>
      <RequestPreview of={{ trigger: pair.trigger, topic: pair.topic }} />
    </section>
  );
}

/** The newest event that no contract describes. */
function NewestEvent({ trigger }: { trigger: string }) {
  const { path } = useAccount();
  const { t } = useLanguage();
  const newest = useQuery({
    queryKey: [path, 'events', trigger],
    queryFn: () => get<Page<{ id: string }>>(`${path}/events?limit=1&trigger=${encodeURIComponent(trigger)}`),
  });
  const [event] = newest.data?.data ?? [];
  if (!event) return <QueryError of={newest} />;
  return (
    <section className="stack tight" aria-label={t.events.newest}>
      <h3>{t.events.newest}</h3>
      <RequestPreview of={{ event: event.id }} />
    </section>
  );
}
