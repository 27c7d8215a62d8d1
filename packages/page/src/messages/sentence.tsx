import type { ReactNode } from 'react';
import { useAccount } from '../account.tsx';
import type { Texts } from '../texts/en.ts';
import type { Format } from '../texts/format.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Attempt, DeliveryDetail } from '../types.ts';
import { TimeLeft } from '../ui/time.tsx';

/** What happened, why, what comes next and what to do, with the button to do it beside it. */
export function Sentence({ message, children }: { message: DeliveryDetail; children: ReactNode }) {
  const { t, f } = useLanguage();
  const { contract } = useAccount();
  const last = message.attempts.at(-1);
  const todo = last && todoOf(last, t);
  switch (message.status) {
    case 'succeeded':
      return (
        <Note tone="good" head={t.sentence.delivered} text={answerOf(message, t, f)}>
          {children}
        </Note>
      );
    case 'failed':
      return (
        <Note
          tone="wait"
          head={t.deliveryStatus.failed}
          text={[answerOf(message, t, f), last && askedOf(last, t, f)].filter(Boolean).join(' ')}
          next={<Countdown at={message.next_attempt_at} />}
          more={`${t.sentence.tries(message.tries ?? message.attempt_count, contract.policy.retry_delays_ms.length + 1)} ${todo ?? ''}`}
        >
          {children}
        </Note>
      );
    case 'discarded':
      return (
        <Note
          tone="bad"
          head={t.sentence.failed}
          text={`${answerOf(message, t, f)} ${t.discarded[message.reason ?? ''] ?? ''}`}
          more={todo}
        >
          {children}
        </Note>
      );
    case 'skipped':
      return (
        <Note
          text={t.skipped[message.reason ?? ''] ?? t.deliveryStatus.skipped}
          more={message.reason === 'no_payload' ? undefined : t.sentence.canSend}
        >
          {children}
        </Note>
      );
    case 'held':
      return (
        <Note head={t.deliveryStatus.held} text={t.sentence.held}>
          {children}
        </Note>
      );
    case 'pending':
    case 'delivering':
      return <Note text={waitingFor(message, t)}>{children}</Note>;
  }
}

function waitingFor({ status, ordering_key: key, next_attempt_at: at }: DeliveryDetail, t: Texts): string {
  if (status === 'delivering') return t.sentence.sending;
  return key !== null && at === null ? t.sentence.inLine(key) : t.sentence.waiting;
}

/** What to do about what went wrong. */
function todoOf({ error, response }: Attempt, t: Texts): string | undefined {
  if (error === null) return undefined;
  if (error === 'http_status' && response) return t.statusTodo(response.status, response.headers.location);
  return t.attemptErrors[error]?.todo;
}

/** `your server answered 503 after 2.1 s.` */
function answerOf({ attempts }: DeliveryDetail, t: Texts, f: Format): string {
  const last = attempts.at(-1);
  if (last?.response) return t.sentence.answered(last.response.status, f.measured(last.duration_ms));
  if (last?.error === 'timeout') return t.sentence.timedOut(f.measured(Math.round(last.duration_ms / 100) * 100));
  return `${t.attemptErrors[last?.error ?? '']?.what ?? t.sentence.unknown}.`;
}

/** `Your server asked for 2 min.` */
function askedOf(last: Attempt, t: Texts, f: Format): string | undefined {
  const waitMs = askedMs(last);
  return waitMs === undefined ? undefined : t.sentence.asked(f.duration(waitMs));
}

/** How long the server asked to wait, in seconds or until a moment (RFC 9110 §10.2.3). */
function askedMs({ response, started_at: startedAt, duration_ms: took }: Attempt): number | undefined {
  const text = response?.headers['retry-after']?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const untilMs = Date.parse(text);
  return text === '' || Number.isNaN(untilMs) ? undefined : Math.max(0, untilMs - Date.parse(startedAt) - took);
}

function Countdown({ at }: { at: string | null }) {
  const { t } = useLanguage();
  if (at === null) return null;
  return (
    <span data-testid="countdown">
      {t.sentence.nextTry} <TimeLeft at={at} />
    </span>
  );
}

function Note(props: {
  tone?: 'good' | 'wait' | 'bad';
  head?: string;
  text: string;
  /** Moves every second: it is not read out. */
  next?: ReactNode;
  more?: string | undefined;
  children: ReactNode;
}) {
  const { tone = '', head, text, next, more, children } = props;
  return (
    <div className={`note with-action ${tone}`}>
      <div>
        <span role="status">
          {head !== undefined && <strong>{`${head}:`}</strong>} {text}
        </span>{' '}
        {next}
        {more !== undefined && <p className="quiet">{more}</p>}
      </div>
      {children}
    </div>
  );
}
