import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { useAccount } from '../account.tsx';
import { ApiError, get, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint, Page, ParkedKey } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { TimeLeft } from '../ui/time.tsx';
import { toast } from '../ui/toasts.tsx';
import { useSaveFromDialog } from './endpoint-actions.ts';

/** Of the parked keys, those that are shown. */
const SHOWN = 20;

/** By which key a webhook's messages keep their order; nothing where the contract has none. */
export function Ordering({ endpoint }: { endpoint: Endpoint }) {
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  const [isOpen, setOpen] = useState(false);
  const pointers = pointersOf(endpoint);
  if (!contract.limits.ordered_delivery || endpoint.subscriptions.length === 0) return null;
  if (pointers.length === 0 && !may('webhooks')) return null;
  return (
    <>
      <Button size="small" onClick={() => setOpen(true)}>
        {pointers.length === 0 ? t.ordering.add : t.ordering.by(pointers.join(', '))}
      </Button>
      {isOpen && <OrderingDialog endpoint={endpoint} onClose={() => setOpen(false)} />}
    </>
  );
}

function pointersOf({ subscriptions }: Endpoint): string[] {
  return [...new Set(subscriptions.flatMap(({ ordered_by: pointer }) => pointer ?? []))];
}

/** One place for all that is subscribed: those that have different ones keep them until another is typed. */
function OrderingDialog({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { may } = useAccount();
  const { t } = useLanguage();
  const saveChanges = useSaveFromDialog(endpoint, onClose);
  const { subscriptions } = endpoint;
  const before = pointersOf(endpoint);
  const [pointer, setPointer] = useState(before.length === 1 ? (before[0] ?? '') : '');
  const [isTyped, setTyped] = useState(false);
  const [error, setError] = useState<unknown>();
  const save = async () => {
    const changed = subscriptions.map(({ ordered_by: _, ...rest }) =>
      pointer.trim() === '' ? rest : { ...rest, ordered_by: pointer.trim() },
    );
    await saveChanges({ subscriptions: changed });
  };
  return (
    <FormDialog
      title={t.ordering.title}
      verb={t.common.save}
      disabled={!may('webhooks') || !isTyped}
      values={pointer}
      fields={['subscriptions']}
      submit={save}
      onError={setError}
      onClose={onClose}
    >
      <p className="quiet">{t.ordering.about}</p>
      <Field
        label={t.ordering.key}
        hint={t.ordering.hint}
        error={error instanceof ApiError ? error.at('subscriptions/0/ordered_by') : undefined}
      >
        <input
          className="mono"
          spellCheck={false}
          placeholder={before.length > 1 ? before.join(', ') : '/order/id'}
          value={pointer}
          readOnly={!may('webhooks')}
          onChange={({ target }) => {
            setTyped(true);
            setError(undefined);
            setPointer(target.value);
          }}
        />
      </Field>
    </FormDialog>
  );
}

/** What holds up others: keys whose first message has failed. */
export function ParkedKeys({ endpoint }: { endpoint: Endpoint }) {
  const { path, may, triggerLabel } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const here = `${path}/endpoints/${endpoint.id}/parked-keys`;
  const key = [path, 'parked-keys', endpoint.id];
  const parked = useQuery({
    queryKey: key,
    queryFn: () => get<Page<ParkedKey>>(`${here}?limit=${SHOWN}`),
    enabled: pointersOf(endpoint).length > 0,
    refetchInterval: 5_000,
  });
  const release = useMutation({
    mutationFn: (one: ParkedKey) => post(`${here}/release`, { key: one.key, delivery_id: one.delivery_id }),
    onSuccess: () => toast(t.ordering.released),
    onSettled: () => queries.invalidateQueries({ queryKey: key }),
  });
  const keys = parked.data?.data ?? [];
  if (keys.length === 0) return null;
  return (
    <section className="stack tight" aria-label={t.ordering.parked}>
      <h3>{t.ordering.parked}</h3>
      <p className="quiet">{t.ordering.parkedAbout}</p>
      <ErrorNote error={release.error} />
      <ul className="recent">
        {keys.map((one) => (
          <li key={one.delivery_id} className="row">
            <Link className="grow" href={`/messages?message=${one.delivery_id}`}>
              <code>{one.key}</code>
              <span className="grow">{triggerLabel(one.trigger)}</span>
              <span className="mono quiet">
                {one.last_status ?? t.attemptErrors[one.last_error ?? '']?.short ?? one.last_error}
              </span>
              <span className="quiet num">{t.ordering.behind(one.behind)}</span>
              <span className="quiet num">
                <TimeLeft at={one.next_attempt_at} />
              </span>
            </Link>
            {may('webhooks') && (
              <Button size="small" disabled={release.isPending} onClick={() => release.mutate(one)}>
                {t.ordering.release}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {parked.data?.next_cursor && <p className="quiet">{t.ordering.more(SHOWN)}</p>}
    </section>
  );
}
