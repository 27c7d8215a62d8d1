import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { AlertCircle, CheckCircle2, Clock, RotateCw } from 'lucide-react';
import { useEffect } from 'react';
import { Link } from 'wouter';
import { useAccount, useUrlOf, useUrlState } from '../account.tsx';
import { get, part, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Attempt, DeliveryDetail, Verdict } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { useKeys } from '../ui/keyboard.ts';
import { ErrorNote, QueryError, Skeleton } from '../ui/notes.tsx';
import { Status } from '../ui/status.tsx';
import { Time, TimeLeft } from '../ui/time.tsx';
import { toast } from '../ui/toasts.tsx';
import { AttemptView } from './attempt-view.tsx';
import { showInLists } from './live.ts';
import { Sentence } from './sentence.tsx';

const LOOK_MS = 1_500;
const LOOK_MAX_MS = 30_000;

/** When something can have happened to the message: it holds its bodies, and is not read again for nothing. */
function nextLookMs(message: DeliveryDetail | undefined): number | false {
  switch (message?.status) {
    case 'pending':
    case 'delivering':
      return LOOK_MS;
    case 'failed':
    case 'held': {
      const waitMs = message.next_attempt_at === null ? LOOK_MAX_MS : Date.parse(message.next_attempt_at) - Date.now();
      return Math.min(Math.max(waitMs, LOOK_MS), LOOK_MAX_MS);
    }
    default:
      return false;
  }
}

/** Larger bodies are not sent to the server again only to compute their signature. */
const VERIFIED_LENGTH_MAX = 200_000;

/** One message: first the sentence that answers, then the attempts, then request and response. */
export function MessageDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const { path, may, triggerLabel } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const message = useQuery({
    queryKey: [path, 'delivery', id],
    queryFn: () => get<DeliveryDetail>(`${path}/deliveries/${part(id)}`),
    refetchInterval: ({ state }) => nextLookMs(state.data),
  });
  const resend = useMutation({
    mutationFn: () => post(`${path}/deliveries/${part(id)}/retry`),
    onSuccess: () => toast(t.messages.resent),
    onSettled: async () => {
      await queries.invalidateQueries({ queryKey: [path, 'delivery', id] });
    },
  });
  const data = message.data;
  // The row behind says the same, however far down it stands.
  useEffect(() => {
    if (data) showInLists(queries, path, data);
  }, [queries, path, data]);
  const canResend = may('webhooks') && data !== undefined && data.status !== 'delivering' && !resend.isPending;
  useKeys({ r: () => canResend && resend.mutate() });
  return (
    <Dialog title={data ? triggerLabel(data.trigger) : t.messages.one} kind="drawer" onClose={onClose}>
      <ErrorNote error={message.error ?? resend.error} />
      {!data && !message.error && <Skeleton />}
      {data && (
        <div className="stack">
          <Sentence message={data}>
            {may('webhooks') && data.reason !== 'no_payload' && (
              <Button disabled={!canResend} onClick={() => resend.mutate()}>
                <RotateCw size={14} aria-hidden /> {t.messages.resend}
              </Button>
            )}
          </Sentence>
          <Detail key={data.id} message={data} />
        </div>
      )}
    </Dialog>
  );
}

function Detail({ message }: { message: DeliveryDetail }) {
  const { topicLabel, contract, hasTopicChoice } = useAccount();
  const { t, f } = useLanguage();
  const { params, set } = useUrlState();
  const chosen = Number(params.get('attempt') ?? 0);
  const urlOf = useUrlOf();
  const attempt = message.attempts.find((one) => one.number === chosen) ?? message.attempts.at(-1);
  return (
    <>
      <dl className="pairs columns">
        <div>
          <dt>{t.messages.eventId}</dt>
          <dd className="row nowrap">
            <code>{message.event_id}</code> <Copyable text={message.event_id} label={t.messages.copyEventId} />
          </dd>
        </div>
        <div>
          <dt>{t.messages.id}</dt>
          <dd className="row nowrap">
            <code>{message.id}</code> <Copyable text={message.id} label={t.messages.copyId} />
          </dd>
        </div>
        <div>
          <dt>{contract.words.url}</dt>
          <dd>
            <Link href={`/?endpoint=${message.endpoint_id}`}>
              <code>{attempt?.url ?? urlOf(message.endpoint_id)}</code>
            </Link>
          </dd>
        </div>
        {hasTopicChoice && (
          <div>
            <dt>{contract.words.topic}</dt>
            <dd>{topicLabel(message.topic)}</dd>
          </div>
        )}
        <div>
          <dt>{t.messages.happened}</dt>
          <dd>
            {f.precise(Date.parse(message.created_at))} {message.test && <span className="tag">{t.messages.test}</span>}
          </dd>
        </div>
      </dl>
      {message.attempts.length > 0 && (
        <Timeline message={message} attempt={attempt} onChoose={(number) => set({ attempt: String(number) }, true)} />
      )}
      {attempt && <WholeAttempt key={attempt.number} message={message} attempt={attempt} />}
    </>
  );
}

/** Of many attempts, older ones come without their bodies: these are read when one looks. */
function WholeAttempt({ message, attempt }: { message: DeliveryDetail; attempt: Attempt }) {
  const { path } = useAccount();
  const whole = useQuery({
    queryKey: [path, 'attempt', message.id, attempt.number],
    enabled: attempt.bodies_omitted,
    queryFn: () => get<Attempt>(`${path}/deliveries/${part(message.id)}/attempts/${attempt.number}`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const shown = attempt.bodies_omitted ? whole.data : attempt;
  if (!shown) return whole.error ? <QueryError of={whole} /> : <Skeleton />;
  return (
    <>
      <SignatureFact message={message} attempt={shown} />
      <AttemptView attempt={shown} />
    </>
  );
}

/** The attempts so far, and the one to come. */
function Timeline(props: {
  message: DeliveryDetail;
  attempt: Attempt | undefined;
  onChoose: (number: number) => void;
}) {
  const { message, attempt, onChoose } = props;
  const { t, f } = useLanguage();
  return (
    <section aria-label={t.messages.attempts}>
      <h3>{t.messages.attempts}</h3>
      <ol className="timeline">
        {message.attempts.map((one) => (
          <li key={one.number}>
            <button type="button" aria-pressed={one === attempt} onClick={() => onChoose(one.number)}>
              <Status tone={one.error === null ? 'good' : 'bad'} icon={one.error === null ? CheckCircle2 : AlertCircle}>
                {one.response?.status ?? t.attemptErrors[one.error ?? '']?.short ?? one.error}
              </Status>
              <span>{t.attempt.number(one.number)}</span>
              <span className="quiet">
                <Time at={one.started_at} />
              </span>
              <span className="grow" />
              <span className="quiet num">{f.measured(one.duration_ms)}</span>
            </button>
          </li>
        ))}
        {message.next_attempt_at !== null && (
          <li className="to-come">
            <Status tone="off" icon={Clock}>
              {t.attempt.next}
            </Status>
            <span className="quiet">
              <TimeLeft at={message.next_attempt_at} />
            </span>
          </li>
        )}
      </ol>
    </section>
  );
}

/** Whether this very request verifies with the secret of the webhook: computed, not assumed. */
function SignatureFact({ message, attempt }: { message: DeliveryDetail; attempt: Attempt }) {
  const { path, may } = useAccount();
  const { t } = useLanguage();
  const { headers, body, body_encoding: encoding } = attempt.request;
  const verdict = useQuery({
    queryKey: [path, 'verdict', message.id, attempt.number],
    enabled: may('webhooks') && body.length < VERIFIED_LENGTH_MAX && encoding === 'utf8',
    queryFn: () => post<Verdict>(`${path}/endpoints/${message.endpoint_id}/verify`, { headers, body }),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  if (!verdict.data || verdict.data.diagnosis === 'unsigned_contract') return null;
  const { valid, diagnosis } = verdict.data;
  const isRight = valid || diagnosis === 'valid_but_old';
  // Anything else says something about what is kept of the request, and nothing about its signature.
  if (!isRight && diagnosis !== 'wrong_secret_or_body') return null;
  return (
    <Status tone={isRight ? 'good' : 'off'} icon={isRight ? CheckCircle2 : AlertCircle}>
      {isRight ? t.messages.verifies : t.messages.earlierSecret}
    </Status>
  );
}
