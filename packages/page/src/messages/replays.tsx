import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { get, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import { problemWords } from '../texts/problem-words.ts';
import type { Replay } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { toast } from '../ui/toasts.tsx';
import { ReplayDialog } from './replay-dialog.tsx';

/** Begins a replay, and shows how far it is, with a way to stop. */
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
  const cancel = useMutation({
    mutationFn: (id: string) => post<Replay>(`${path}/replays/${id}/cancel`),
    onSuccess: (replay) => toast(t.replay.cancelled(f.number(replay.done), f.number(replay.count))),
    onError: (error) => toast(problemWords(error, t).detail),
    onSettled: () => queries.invalidateQueries({ queryKey: [path, 'replays'] }),
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
      {isOpen && <ReplayDialog onClose={() => setOpen(false)} onDone={() => setOpen(false)} />}
    </>
  );
}
