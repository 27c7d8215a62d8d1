import { useQueryClient } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { useState } from 'react';
import { useAccount, useEndpoints, useUrlState } from '../account.tsx';
import { post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Replay } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { DELIVERY_STATUSES } from '../ui/status.tsx';
import { momentsOf, type Range, TimeRange } from '../ui/time-range.tsx';
import { toast } from '../ui/toasts.tsx';
import { useWebhookName } from '../webhooks/webhook-name.ts';
import { FILTERS, isFiltered, rangeOf, type Tests } from './filters.ts';
import { shownTests } from './use-deliveries.ts';

/** Those that have no field of their own here; each can be taken away. */
const OTHERS = ['trigger', 'topic', 'last_status', 'last_error', 'q'] as const;
type Other = (typeof OTHERS)[number];

interface Wish {
  range: Range;
  status: string;
  endpoint: string;
  others: Partial<Record<Other, string>>;
  tests: Tests;
}

const TESTS = { false: false, true: true, all: null } as const;

/** What the list shows is what one means; of everything, what failed in the last day. */
function wishOf(params: URLSearchParams, tests: Wish['tests']): Wish {
  const others = Object.fromEntries(
    OTHERS.flatMap((name) => {
      const value = params.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  const isAll = !isFiltered(params) && !FILTERS.some((name) => params.get(name) !== null);
  const range = rangeOf(params);
  return {
    range: isAll && params.get('span') === null ? { ...range, span: '24h' } : range,
    status: params.get('status') ?? (isAll ? 'discarded' : ''),
    endpoint: params.get('endpoint') ?? '',
    others,
    tests,
  };
}

function bodyOf({ range, status, endpoint, others, tests }: Wish, nowMs: number): object {
  const { last_status: lastStatus, ...rest } = others;
  return {
    to: new Date(nowMs).toISOString(),
    ...momentsOf(range, nowMs),
    ...rest,
    ...(lastStatus === undefined ? {} : { last_status: Number(lastStatus) }),
    ...(status === '' ? {} : { status }),
    ...(endpoint === '' ? {} : { endpoint }),
    test: TESTS[tests],
  };
}

/** Sends messages again: what the list shows, or the ones that are ticked. First it says how many and for how long. */
export function ReplayDialog(props: { ids?: readonly string[]; onClose: () => void; onDone: () => void }) {
  const { ids, onClose, onDone } = props;
  const { path } = useAccount();
  const { t, f } = useLanguage();
  const queries = useQueryClient();
  const { params } = useUrlState();
  const [wish, setWish] = useState<Wish>(() => wishOf(params, shownTests(queries, path, params)));
  const [counted, setPlan] = useState<{ wish: Wish; replay: Replay; body: object }>();
  // What was counted is what is sent: another wish is counted anew.
  const plan = counted?.wish === wish ? counted : undefined;
  const { span, from, to } = wish.range;
  const isBackwards = span === 'own' && from !== '' && to !== '' && from >= to;
  const isOpenRange = span === 'own' && from === '';
  const preview = async () => {
    const body = ids ? { deliveries: ids } : bodyOf(wish, Date.now());
    setPlan({ wish, replay: await post<Replay>(`${path}/replay`, { ...body, dry_run: true }), body });
  };
  const start = async (body: object) => {
    await post(`${path}/replay`, body);
    void queries.invalidateQueries({ queryKey: [path, 'replays'] });
    toast(t.replay.started);
    onDone();
  };
  const { replay } = plan ?? {};
  return (
    <FormDialog
      title={ids ? t.replay.these(f.number(ids.length)) : t.replay.title}
      verb={replay ? t.replay.start(f.number(replay.count)) : t.replay.preview}
      disabled={replay?.count === 0 || (!ids && (isBackwards || isOpenRange))}
      submit={() => (plan ? start(plan.body) : preview())}
      onClose={onClose}
    >
      {ids ? (
        <p>{t.replay.theseText}</p>
      ) : (
        <WishFields wish={wish} isBackwards={isBackwards} onChange={(changes) => setWish({ ...wish, ...changes })} />
      )}
      {replay && <Plan replay={replay} />}
    </FormDialog>
  );
}

function WishFields(props: { wish: Wish; isBackwards: boolean; onChange: (changes: Partial<Wish>) => void }) {
  const { wish, isBackwards, onChange } = props;
  const { contract, triggerLabel, topicLabel } = useAccount();
  const { t } = useLanguage();
  const endpoints = useEndpoints().data?.data ?? [];
  const nameOf = useWebhookName();
  const { words } = contract;
  const names: Record<Other, (value: string) => string> = {
    trigger: triggerLabel,
    topic: topicLabel,
    last_status: t.messages.answered,
    last_error: (value) => t.messages.answered(t.attemptErrors[value]?.short ?? value),
    q: t.replay.withText,
  };
  const without = (name: Other) => {
    const { [name]: _, ...others } = wish.others;
    return { others };
  };
  return (
    <>
      <fieldset className="field">
        <legend className="legend">{t.time.label}</legend>
        <div className="row">
          <TimeRange value={wish.range} onChange={(range) => onChange({ range })} />
        </div>
        {isBackwards && <small className="bad">{t.replay.backwards}</small>}
      </fieldset>
      <Field label={t.replay.which}>
        <Select
          value={wish.status}
          choices={[
            { value: '', label: t.replay.all },
            ...DELIVERY_STATUSES.map((value) => ({ value: value as string, label: t.deliveryStatus[value] })),
          ]}
          onChange={(status) => onChange({ status })}
        />
      </Field>
      <Field label={words.endpoint}>
        <Select
          value={wish.endpoint}
          choices={[
            { value: '', label: t.messages.every(words.endpoint) },
            ...endpoints.map((endpoint) => ({ value: endpoint.id, label: nameOf(endpoint) })),
            // One that was deleted.
            ...(wish.endpoint === '' || endpoints.some((one) => one.id === wish.endpoint)
              ? []
              : [{ value: wish.endpoint, label: wish.endpoint }]),
          ]}
          onChange={(endpoint) => onChange({ endpoint })}
        />
      </Field>
      {(OTHERS.some((name) => wish.others[name] !== undefined) || wish.tests !== 'false') && (
        <fieldset className="field">
          <legend className="legend">{t.replay.asInList}</legend>
          <div className="row">
            {OTHERS.map((name) => {
              const value = wish.others[name];
              return (
                value !== undefined && (
                  <Button size="small" key={name} onClick={() => onChange(without(name))}>
                    {names[name](value)} <X size={12} aria-hidden />
                  </Button>
                )
              );
            })}
            {wish.tests !== 'false' && (
              <Button size="small" onClick={() => onChange({ tests: 'false' })}>
                {wish.tests === 'true' ? t.messages.onlyTests : t.messages.withTests} <X size={12} aria-hidden />
              </Button>
            )}
          </div>
        </fieldset>
      )}
    </>
  );
}

function Plan({ replay }: { replay: Replay }) {
  const { t, f } = useLanguage();
  const { count, matched = count, held = 0, rate_per_s: rate, seconds } = replay;
  return (
    <div className="note" role="status">
      {count === 0
        ? t.replay.nothing
        : t.replay.plan(count, f.number(count), f.number(rate), f.duration(seconds * 1_000))}
      {count > 0 && held > 0 && ` ${t.replay.held(held, f.number(held))}`}
      {matched > count && ` ${t.replay.leftOut(matched - count, f.number(matched - count))}`}
    </div>
  );
}
