import { useQuery, useQueryClient } from '@tanstack/react-query';
import { AlertCircle, CheckCircle2 } from 'lucide-react';
import { useState } from 'react';
import { triggerLabel, useAccount, useEndpoints } from './account.tsx';
import { get, post } from './api.ts';
import { AttemptView } from './attempt-view.tsx';
import { ATTEMPT_ERROR, DISCARDED, SKIPPED } from './texts.ts';
import type { Attempt, DeliveryDetail, Verdict } from './types.ts';
import { Copyable, Dialog, duration, ErrorNote, Skeleton, Time, toast, useKeys, useNow } from './ui.tsx';

const UNFINISHED = new Set(['pending', 'delivering', 'failed', 'held']);

/** One message: first the sentence that answers, then the attempts, then request and response. */
export function MessageDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const { path, contract, may } = useAccount();
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const message = useQuery({
    queryKey: [path, 'delivery', id],
    queryFn: () => get<DeliveryDetail>(`${path}/deliveries/${id}`),
    refetchInterval: (query) => (query.state.data && UNFINISHED.has(query.state.data.status) ? 1_500 : false),
  });
  const resend = async () => {
    setError(undefined);
    try {
      await post(`${path}/deliveries/${id}/retry`);
      toast('Sent again.');
      await queries.invalidateQueries({ queryKey: [path, 'delivery', id] });
      await queries.invalidateQueries({ queryKey: [path, 'deliveries'] });
    } catch (thrown) {
      setError(thrown);
    }
  };
  useKeys({ r: () => may('webhooks') && void resend() });
  const data = message.data;
  return (
    <Dialog
      title={data ? triggerLabel(contract, data.trigger) : 'Message'}
      kind="drawer"
      onClose={onClose}
      footer={
        may('webhooks') && (
          <button type="button" className="button" disabled={!data || data.status === 'delivering'} onClick={resend}>
            Resend
          </button>
        )
      }
    >
      <ErrorNote error={message.error ?? error} />
      {data ? <Detail message={data} /> : !message.error && <Skeleton />}
    </Dialog>
  );
}

function Detail({ message }: { message: DeliveryDetail }) {
  const [chosen, setChosen] = useState<number>();
  const endpoints = useEndpoints();
  const attempt = message.attempts.find((a) => a.number === chosen) ?? message.attempts.at(-1);
  const url = endpoints.data?.data.find((e) => e.id === message.endpoint_id)?.url;
  return (
    <div className="stack">
      <Sentence message={message} />
      <div className="row quiet">
        <code>{message.event_id}</code> <Copyable text={message.event_id} label="Copy the event id" />
        {message.test && <span className="tag">test</span>}
        {url !== undefined && <code style={{ overflowWrap: 'anywhere' }}>{url}</code>}
      </div>
      {message.attempts.length > 0 && (
        <section aria-label="Attempts">
          <h3>Attempts</h3>
          <ol className="timeline">
            {message.attempts.map((one) => (
              <li key={one.number}>
                <button type="button" aria-pressed={one === attempt} onClick={() => setChosen(one.number)}>
                  <span className={`status ${one.error === null ? 'good' : 'bad'}`}>
                    {one.error === null ? (
                      <CheckCircle2 size={14} aria-hidden />
                    ) : (
                      <AlertCircle size={14} aria-hidden />
                    )}
                    {one.response?.status ?? one.error}
                  </span>
                  <span className="quiet">
                    no. {one.number}, <Time at={one.started_at} />, {duration(one.duration_ms)}
                  </span>
                </button>
              </li>
            ))}
          </ol>
        </section>
      )}
      {attempt && <SignatureFact message={message} attempt={attempt} />}
      {attempt && <AttemptView key={attempt.number} attempt={attempt} />}
    </div>
  );
}

/** What happened, why, and what to do. */
function Sentence({ message }: { message: DeliveryDetail }) {
  const now = useNow();
  const { contract } = useAccount();
  const last = message.attempts.at(-1);
  const after = last ? ` after ${duration(last.duration_ms)}` : '';
  const answered = last?.response
    ? `your server answered ${last.response.status}${after}`
    : (ATTEMPT_ERROR[last?.error ?? '']?.what ?? 'it failed');
  const todo = last?.error ? ATTEMPT_ERROR[last.error]?.todo : undefined;
  switch (message.status) {
    case 'succeeded':
      return (
        <div className="note good" role="status">
          <strong>Delivered:</strong> your server answered {last?.response?.status}
          {after}.
        </div>
      );
    case 'failed': {
      const left = message.next_attempt_at === null ? undefined : Date.parse(message.next_attempt_at) - now;
      return (
        <div className="note wait" role="status">
          <strong>Failed:</strong> {answered}.{' '}
          {left !== undefined && <span data-testid="countdown">Next try in {duration(left)}.</span>} <br />
          <span className="quiet">
            {message.attempt_count} of {contract.policy.retry_delays_ms.length + 1} tries made. {todo}
          </span>
        </div>
      );
    }
    case 'discarded':
      return (
        <div className="note bad" role="status">
          <strong>Failed:</strong> {answered}. {DISCARDED[message.reason ?? ''] ?? ''} <br />
          <span className="quiet">{todo}</span>
        </div>
      );
    case 'skipped':
      return (
        <div className="note" role="status">
          {SKIPPED[message.reason ?? ''] ?? 'Not sent.'} {message.reason !== 'no_payload' && 'You can send it now.'}
        </div>
      );
    case 'held':
      return (
        <div className="note" role="status">
          <strong>On hold:</strong> the webhook is inactive. It is sent when you activate it, or resend it now.
        </div>
      );
    default:
      return (
        <div className="note" role="status">
          {message.status === 'delivering' ? 'It is being sent right now.' : 'It waits for its turn.'}
        </div>
      );
  }
}

/** Whether this very request verifies with the secret of the webhook: computed, not assumed. */
function SignatureFact({ message, attempt }: { message: DeliveryDetail; attempt: Attempt }) {
  const { path, may } = useAccount();
  const { headers, body } = attempt.request;
  const verdict = useQuery({
    queryKey: [path, 'verdict', message.id, attempt.number],
    enabled: may('webhooks') && body.length < 200_000 && attempt.request.body_encoding === 'utf8',
    queryFn: () => post<Verdict>(`${path}/endpoints/${message.endpoint_id}/verify`, { headers, body }),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  if (!verdict.data || verdict.data.diagnosis === 'unsigned_contract') return null;
  return (
    <p className="quiet">
      {verdict.data.valid
        ? 'The signature of this request verifies with the secret of the webhook.'
        : 'The signature of this request was made with an earlier secret of the webhook.'}
    </p>
  );
}
