import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Bell } from 'lucide-react';
import { type InputHTMLAttributes, type ReactNode, useState } from 'react';
import { useAccount } from '../account.tsx';
import { call, get, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import { fieldMistake } from '../texts/problem-words.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Check, Field, Select } from '../ui/field.tsx';
import { ErrorNote, QueryError, Skeleton } from '../ui/notes.tsx';
import { Secret } from '../ui/secret.tsx';
import { Time } from '../ui/time.tsx';
import { toast } from '../ui/toasts.tsx';

type Format = 'standard' | 'slack';

interface Quiet {
  from: string;
  to: string;
  time_zone: string;
}

interface Notices {
  email: string | null;
  pending_email: string | null;
  can_email: boolean;
  url: string | null;
  secret: string | null;
  format: Format;
  quiet: Quiet | null;
  sent_at: string | null;
  last_error: string | null;
}

const CODE_LENGTH = 6;

/** Where one is told when a webhook fails, is switched off or recovers. */
export function NoticesButton() {
  const { may } = useAccount();
  const { t } = useLanguage();
  const [isOpen, setOpen] = useState(false);
  if (!may('webhooks')) return null;
  return (
    <>
      <Button aria-label={t.notices.open} title={t.notices.title} onClick={() => setOpen(true)}>
        <Bell size={14} aria-hidden /> <span className="wide-only">{t.notices.open}</span>
      </Button>
      {isOpen && <NoticesDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function NoticesDialog({ onClose }: { onClose: () => void }) {
  const { path } = useAccount();
  const { t } = useLanguage();
  const notices = useQuery({ queryKey: [path, 'notices'], queryFn: () => get<Notices>(`${path}/notices`) });
  const { data } = notices;
  return (
    <Dialog title={t.notices.title} onClose={onClose}>
      <div className="stack">
        <p>{t.notices.text}</p>
        <QueryError of={notices} />
        {!data && !notices.error && <Skeleton rows={2} />}
        {data && (
          <>
            {data.can_email && <EmailPart key={`${data.email} ${data.pending_email}`} notices={data} />}
            <UrlPart key={`${data.url} ${data.format}`} notices={data} />
            {(data.email !== null || data.url !== null) && (
              <QuietPart key={JSON.stringify(data.quiet)} notices={data} />
            )}
            <TestPart notices={data} />
          </>
        )}
      </div>
    </Dialog>
  );
}

/** What is changed is shown as the server answers it. */
function useChange(change: (path: string) => Promise<Notices>, said: (answer: Notices) => string) {
  const { path } = useAccount();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => change(path),
    onSuccess: (answer) => {
      queries.setQueryData([path, 'notices'], answer);
      toast(said(answer));
    },
  });
}

/** A form of one input, with what the server says of it. */
function OneField(props: {
  /** As the server calls it. */
  name: string;
  label: string;
  hint: string | undefined;
  verb: string;
  isReady: boolean;
  value: string;
  onChange: (value: string) => void;
  run: ReturnType<typeof useChange>;
  attributes: InputHTMLAttributes<HTMLInputElement>;
  children?: ReactNode;
}) {
  const { name, label, hint, verb, isReady, value, onChange, run, attributes, children } = props;
  const { t } = useLanguage();
  const wrong = fieldMistake(run.error, name, t);
  return (
    <>
      <form
        className="row end"
        onSubmit={(event) => {
          event.preventDefault();
          run.mutate();
        }}
      >
        <Field label={label} hint={hint} error={wrong} className="grow">
          <input
            {...attributes}
            value={value}
            aria-invalid={wrong !== undefined}
            onChange={(event) => {
              run.reset();
              onChange(event.target.value.trim());
            }}
          />
        </Field>
        <Button type="submit" disabled={!isReady || run.isPending}>
          {verb}
        </Button>
        {children}
      </form>
      {wrong === undefined && <ErrorNote error={run.error} />}
    </>
  );
}

function EmailPart({ notices }: { notices: Notices }) {
  const { t } = useLanguage();
  const [email, setEmail] = useState(notices.pending_email ?? notices.email ?? '');
  const save = useChange(
    (path) => call('PATCH', `${path}/notices`, { email: email === '' ? null : email }),
    (answer) => (answer.pending_email === null ? t.common.saved : t.notices.codeSent),
  );
  const isConfirmed = notices.email !== null && notices.pending_email === null;
  const isChanged = email !== (notices.pending_email ?? notices.email ?? '');
  return (
    <div className="stack tight">
      <OneField
        name="email"
        label={t.notices.email}
        hint={isConfirmed && !isChanged ? t.notices.confirmed : undefined}
        verb={t.common.save}
        isReady={isChanged}
        value={email}
        onChange={setEmail}
        run={save}
        attributes={{ type: 'email', autoComplete: 'email' }}
      />
      {notices.pending_email !== null && !isChanged && <CodePart email={notices.pending_email} />}
    </div>
  );
}

function CodePart({ email }: { email: string }) {
  const { t } = useLanguage();
  const [code, setCode] = useState('');
  const confirm = useChange(
    (path) => post(`${path}/notices/confirm`, { code }),
    () => t.notices.confirmedNow,
  );
  const again = useChange(
    (path) => call('PATCH', `${path}/notices`, { email }),
    () => t.notices.codeSent,
  );
  return (
    <>
      <OneField
        name="code"
        label={t.notices.code}
        hint={t.notices.codeHint(email)}
        verb={t.notices.confirm}
        isReady={code.length === CODE_LENGTH}
        value={code}
        onChange={setCode}
        run={confirm}
        attributes={{ inputMode: 'numeric', autoComplete: 'one-time-code', maxLength: CODE_LENGTH }}
      >
        <Button kind="plain" disabled={again.isPending} onClick={() => again.mutate()}>
          {t.notices.codeAgain}
        </Button>
      </OneField>
      <ErrorNote error={again.error} />
    </>
  );
}

function UrlPart({ notices }: { notices: Notices }) {
  const { t } = useLanguage();
  const [url, setUrl] = useState(notices.url ?? '');
  const save = useChange(
    (path) => call('PATCH', `${path}/notices`, { url: url === '' ? null : url }),
    () => t.common.saved,
  );
  return (
    <div className="stack tight">
      <OneField
        name="url"
        label={t.notices.url}
        hint={notices.format === 'slack' ? t.notices.chatHint : t.notices.urlHint}
        verb={t.common.save}
        isReady={url !== (notices.url ?? '')}
        value={url}
        onChange={setUrl}
        run={save}
        attributes={{ type: 'url', placeholder: 'https://example.com/alerts' }}
      />
      {notices.url !== null && <FormatPart format={notices.format} />}
      {notices.secret !== null && <Secret text={notices.secret} />}
    </div>
  );
}

function FormatPart({ format }: { format: Format }) {
  const { t } = useLanguage();
  const [wanted, setWanted] = useState(format);
  const save = useChange(
    (path) => call('PATCH', `${path}/notices`, { format: wanted }),
    () => t.common.saved,
  );
  const choices = (['standard', 'slack'] as const).map((value) => ({ value, label: t.notices.formats[value] }));
  return (
    <>
      <div className="row end">
        <Field label={t.notices.format} className="grow">
          <Select value={wanted} choices={choices} onChange={(value) => setWanted(value as Format)} />
        </Field>
        <Button disabled={wanted === format || save.isPending} onClick={() => save.mutate()}>
          {t.common.save}
        </Button>
      </div>
      <ErrorNote error={save.error} />
    </>
  );
}

const QUIET_FIELDS = ['quiet/from', 'quiet/to', 'quiet/time_zone'];
const NIGHT: Quiet = { from: '22:00', to: '07:00', time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone };

/** Hours in which nothing is told: it comes in one message afterwards. */
function QuietPart({ notices }: { notices: Notices }) {
  const { t } = useLanguage();
  const before = notices.quiet;
  const [isOn, setOn] = useState(before !== null);
  const [quiet, setQuiet] = useState(before ?? NIGHT);
  const wanted = isOn ? quiet : null;
  const save = useChange(
    (path) => call('PATCH', `${path}/notices`, { quiet: wanted }),
    () => t.common.saved,
  );
  const field = (name: keyof Quiet) => ({
    value: quiet[name],
    onChange: ({ target }: { target: { value: string } }) => {
      save.reset();
      setQuiet({ ...quiet, [name]: target.value });
    },
  });
  const isChanged = JSON.stringify(wanted) !== JSON.stringify(before);
  return (
    <form
      className="stack tight"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Check label={t.notices.quiet} about={t.notices.quietAbout} checked={isOn} onChange={setOn} />
      {isOn && (
        <div className="row end">
          <Field label={t.notices.quietFrom} error={fieldMistake(save.error, 'quiet/from', t)}>
            <input type="time" required {...field('from')} />
          </Field>
          <Field label={t.notices.quietTo} error={fieldMistake(save.error, 'quiet/to', t)}>
            <input type="time" required {...field('to')} />
          </Field>
          <Field label={t.notices.timeZone} className="grow" error={fieldMistake(save.error, 'quiet/time_zone', t)}>
            <input type="text" required {...field('time_zone')} />
          </Field>
        </div>
      )}
      {isChanged && (
        <div className="row">
          <Button type="submit" disabled={save.isPending}>
            {t.common.save}
          </Button>
        </div>
      )}
      {QUIET_FIELDS.every((name) => fieldMistake(save.error, name, t) === undefined) && (
        <ErrorNote error={save.error} />
      )}
    </form>
  );
}

function TestPart({ notices }: { notices: Notices }) {
  const { path } = useAccount();
  const { t } = useLanguage();
  const test = useMutation({
    mutationFn: () => post<{ data: { channel: 'email' | 'webhook'; error: string | null }[] }>(`${path}/notices/test`),
  });
  if (notices.email === null && notices.url === null) return null;
  return (
    <div className="stack tight">
      <div className="row">
        <Button size="small" disabled={test.isPending} onClick={() => test.mutate()}>
          {t.notices.test}
        </Button>
        {notices.sent_at !== null && (
          <span className="quiet">
            {t.notices.sent} <Time at={notices.sent_at} />
          </span>
        )}
      </div>
      {test.data?.data.map(({ channel, error }) => (
        <div key={channel} className={`note ${error === null ? 'good' : 'bad'}`} role="status">
          {t.common.labelled(t.notices.channels[channel], error ?? t.notices.arrived)}
        </div>
      ))}
      {!test.data && notices.last_error !== null && <div className="note bad">{notices.last_error}</div>}
      <ErrorNote error={test.error} />
    </div>
  );
}
