import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useAccount, useEndpoints, useUrlState } from '../account.tsx';
import { get, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Replay } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { momentsOf, type Range, TimeRange } from '../ui/time-range.tsx';
import { toast } from '../ui/toasts.tsx';
import { rangeOf } from './filters.ts';

/** Sends messages of a time again: first how many and for how long, then progress, with a way to stop. */
export function Replays() {
  const { path, may } = useAccount();
  const { t, f } = useLanguage();
  const [isOpen, setOpen] = useState(false);
  const queries = useQueryClient();
  const replays = useQuery({
    queryKey: [path, 'replays'],
    queryFn: () => get<{ data: Replay[] }>(`${path}/replays`),
    refetchInterval: (query) => (query.state.data?.data.some((one) => one.status === 'running') ? 1_000 : 30_000),
  });
  const refresh = () => queries.invalidateQueries({ queryKey: [path, 'replays'] });
  const cancel = useMutation({
    mutationFn: (id: string) => post<Replay>(`${path}/replays/${id}/cancel`),
    onSuccess: (replay) => toast(t.replay.cancelled(f.number(replay.done), f.number(replay.count))),
    onError: (error) => toast(error.message),
    onSettled: refresh,
  });
  const running = replays.data?.data.find((replay) => replay.status === 'running');
  if (!may('webhooks')) return null;
  return (
    <>
      {running && (
        <span className="row" role="status">
          <progress max={Math.max(running.count, 1)} value={running.done} aria-label={t.replay.title} />
          <span className="num">{t.common.countOf(f.number(running.done), f.number(running.count))}</span>
          <Button size="small" onClick={() => cancel.mutate(running.id ?? '')}>
            {t.common.cancel}
          </Button>
        </span>
      )}
      <Button onClick={() => setOpen(true)}>{t.replay.open}</Button>
      {isOpen && (
        <ReplayDialog
          onClose={() => setOpen(false)}
          onDone={() => {
            setOpen(false);
            void refresh();
          }}
        />
      )}
    </>
  );
}

interface Wish {
  range: Range;
  status: string;
  endpoint: string;
}

function ReplayDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const { path, contract } = useAccount();
  const { t, f } = useLanguage();
  const endpoints = useEndpoints().data?.data ?? [];
  const { params } = useUrlState();
  // What one was looking at is what one means.
  const [wish, setWish] = useState<Wish>(() => {
    const range = rangeOf(params);
    const status = params.get('status') ?? '';
    return {
      range: range.span === 'any' ? { ...range, span: '24h' } : range,
      status: t.replay.statuses.some((one) => one.value === status) && status !== '' ? status : 'discarded',
      endpoint: params.get('endpoint') ?? '',
    };
  });
  const [counted, setPlan] = useState<{ wish: Wish; replay: Replay; body: object }>();
  // What was counted is what is sent: another wish is counted anew.
  const plan = counted?.wish === wish ? counted : undefined;
  const { span, from, to } = wish.range;
  const isBackwards = span === 'own' && from !== '' && to !== '' && from >= to;
  const change = (changes: Partial<Wish>) => setWish({ ...wish, ...changes });
  const preview = async () => {
    const now = Date.now();
    const body = {
      to: new Date(now).toISOString(),
      ...momentsOf(wish.range, now),
      ...(wish.status === '' ? {} : { status: wish.status }),
      ...(wish.endpoint === '' ? {} : { endpoint: wish.endpoint }),
    };
    setPlan({ wish, replay: await post<Replay>(`${path}/replay`, { ...body, dry_run: true }), body });
  };
  const start = async (body: object) => {
    await post(`${path}/replay`, body);
    toast(t.replay.started);
    onDone();
  };
  const { replay } = plan ?? {};
  return (
    <FormDialog
      title={t.replay.title}
      verb={replay ? t.replay.start(f.number(replay.count)) : t.replay.preview}
      disabled={replay?.count === 0 || isBackwards || (span === 'own' && from === '')}
      submit={() => (plan ? start(plan.body) : preview())}
      onClose={onClose}
    >
      <fieldset className="field">
        <legend className="legend">{t.time.label}</legend>
        <div className="row">
          <TimeRange value={wish.range} onChange={(range) => change({ range })} />
        </div>
        {isBackwards && <small className="bad">{t.replay.backwards}</small>}
      </fieldset>
      <Field label={t.replay.which}>
        <Select value={wish.status} choices={t.replay.statuses} onChange={(status) => change({ status })} />
      </Field>
      <Field label={contract.words.endpoint}>
        <Select
          value={wish.endpoint}
          choices={[
            { value: '', label: t.messages.every(contract.words.endpoint) },
            ...endpoints.map(({ id, url }) => ({ value: id, label: url })),
          ]}
          onChange={(endpoint) => change({ endpoint })}
        />
      </Field>
      {replay && (
        <div className="note" role="status">
          {replay.count === 0
            ? t.replay.nothing
            : t.replay.plan(f.number(replay.count), f.number(replay.rate_per_s), f.duration(replay.seconds * 1_000))}
        </div>
      )}
    </FormDialog>
  );
}
