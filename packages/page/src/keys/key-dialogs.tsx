import { type ReactNode, useState } from 'react';
import { useAccount } from '../account.tsx';
import { ApiError, call, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { ApiKey } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { Dialog, FormDialog } from '../ui/dialog.tsx';
import { Check, Field, Select } from '../ui/field.tsx';
import { Time } from '../ui/time.tsx';
import { toast } from '../ui/toasts.tsx';
import { KeyCode } from './key-code.tsx';
import { Expiry, Scopes } from './key-fields.tsx';

/** A key that was used within this time has somebody behind it. */
const IN_USE_MS = 30 * 86_400_000;
const FIELDS = ['label', 'scopes', 'expires_at', 'networks'];

interface Draft {
  label: string;
  scopes: readonly string[];
  expiresAt: string | null;
  /** One a line. */
  networks: string;
  enabled: boolean;
}

function draftOf(key: ApiKey | undefined, scopes: readonly string[]): Draft {
  return {
    label: key?.label ?? '',
    scopes: key?.scopes ?? scopes,
    expiresAt: key?.expires_at ?? null,
    networks: key?.networks.join('\n') ?? '',
    enabled: key?.enabled ?? true,
  };
}

/** "Generate API key", and the same fields when one is edited. `onDone` gets the key when there is a new one. */
export function KeyDialog(props: {
  existing?: ApiKey;
  /** Of a new one. */
  scopes?: readonly string[];
  onClose: () => void;
  onDone: (text?: string) => void;
}) {
  const { existing, scopes = [], onClose, onDone } = props;
  const { path } = useAccount();
  const { t } = useLanguage();
  const [draft, setDraft] = useState(() => draftOf(existing, scopes));
  const [error, setError] = useState<unknown>();
  /** What was asked about, as it was then. */
  const [asked, setAsked] = useState<Draft>();
  const change = (changes: Partial<Draft>) => {
    setError(undefined);
    setDraft({ ...draft, ...changes });
  };
  const wrong = (field: string) => (error instanceof ApiError ? error.at(field) : undefined);
  const doubt = useDoubt(existing, draft);
  const save = async () => {
    if (doubt !== undefined && asked !== draft) {
      setAsked(draft);
      return;
    }
    const { label, scopes, expiresAt, enabled } = draft;
    const networks = draft.networks.split(/[\s,]+/).filter((network) => network !== '');
    const body = { label, scopes, networks, expires_at: expiresAt };
    if (existing) {
      // A moment that has passed says nothing new.
      const isSame = expiresAt === existing.expires_at;
      const { expires_at, ...rest } = body;
      await call('PATCH', `${path}/keys/${existing.id}`, { ...rest, enabled, ...(isSame ? {} : { expires_at }) });
      toast(t.common.saved);
      onDone();
    } else onDone((await post<{ key: string }>(`${path}/keys`, body)).key);
  };
  const isAsking = doubt !== undefined && asked === draft;
  return (
    <FormDialog
      title={existing ? t.keys.editOne(existing.label) : t.keys.generateKey}
      verb={isAsking ? t.keys.allTheSame : existing ? t.common.save : t.keys.generate}
      danger={isAsking}
      values={draft}
      fields={FIELDS}
      submit={save}
      onError={setError}
      onClose={onClose}
    >
      {existing && <Facts apiKey={existing} />}
      <Field label={t.keys.label} hint={t.keys.labelHint} error={wrong('label')}>
        <input
          type="text"
          required
          maxLength={200}
          value={draft.label}
          onChange={(event) => change({ label: event.target.value })}
        />
      </Field>
      <Scopes scopes={draft.scopes} onChange={(scopes) => change({ scopes })} error={wrong('scopes')} />
      <Expiry value={draft.expiresAt} onChange={(expiresAt) => change({ expiresAt })} error={wrong('expires_at')} />
      {existing && (
        <Check
          label={t.keys.enabled}
          about={t.keys.enabledAbout}
          checked={draft.enabled}
          onChange={(enabled) => change({ enabled })}
        />
      )}
      <details open={wrong('networks') !== undefined || draft.networks !== '' || undefined}>
        <summary>{t.keys.networks}</summary>
        <div className="stack inset">
          <Field label={t.keys.networks} hint={t.keys.networksHint} error={wrong('networks')}>
            <textarea
              value={draft.networks}
              placeholder={'203.0.113.0/24\n2001:db8::/32'}
              aria-invalid={wrong('networks') !== undefined}
              onChange={(event) => change({ networks: event.target.value })}
            />
          </Field>
        </div>
      </details>
      {existing && <KeyCode prefix={existing.prefix} scopes={existing.scopes} />}
      {isAsking && (
        <div className="note wait" role="alert">
          {doubt}
        </div>
      )}
    </FormDialog>
  );
}

/** Why one may not mean it: a key that is good for nothing, or scopes that somebody is using right now. */
function useDoubt(existing: ApiKey | undefined, draft: Draft): string | undefined {
  const { scopeLabel } = useAccount();
  const { t, f } = useLanguage();
  const lastUsedMs = existing?.last_used_at ? Date.parse(existing.last_used_at) : 0;
  const isInUse = Date.now() - lastUsedMs < IN_USE_MS;
  const taken = existing?.scopes.filter((scope) => !draft.scopes.includes(scope)) ?? [];
  const used = f.relative(lastUsedMs, Date.now());
  if (isInUse && existing?.enabled && !draft.enabled) return t.keys.doubtDisabled(used);
  if (isInUse && taken.length > 0) return t.keys.doubtTaken(taken.map(scopeLabel).join(', '), used);
  if (draft.scopes.length === 0 && (existing === undefined || existing.scopes.length > 0)) return t.keys.doubtNoScopes;
  return undefined;
}

function Facts({ apiKey }: { apiKey: ApiKey }) {
  const { t } = useLanguage();
  const { prefix, last_used_at: lastUsedAt, last_refused_at: refusedAt, last_refusal: refusal } = apiKey;
  return (
    <dl className="pairs">
      <div>
        <dt>{t.keys.key}</dt>
        <dd>
          <code>{`${prefix}…`}</code>
        </dd>
      </div>
      <div>
        <dt>{t.keys.lastUsed}</dt>
        <dd>
          <Time at={lastUsedAt} />
        </dd>
      </div>
      {refusedAt !== null && (
        <div>
          <dt>{t.keys.lastRefused}</dt>
          <dd>
            <Time at={refusedAt} /> <span className="quiet">{`· ${t.keys.refusals[refusal ?? ''] ?? refusal}`}</span>
          </dd>
        </div>
      )}
    </dl>
  );
}

/** Gives a key another text. @param path of the key in the API */
export function RotateDialog(props: {
  name: string;
  path: string;
  onClose: () => void;
  onDone: (text: string) => void;
}) {
  const { name, path, onClose, onDone } = props;
  const { t } = useLanguage();
  const [overlapS, setOverlapS] = useState(86_400);
  return (
    <FormDialog
      title={t.keys.rotateTitle(name)}
      verb={t.common.rotate}
      onClose={onClose}
      submit={async () => {
        const body = { overlap_seconds: overlapS };
        onDone((await post<{ key: string }>(`${path}/rotate`, body)).key);
      }}
    >
      <p>{t.keys.rotateText}</p>
      <Field label={t.keys.overlap}>
        <Select value={overlapS} choices={t.keys.overlaps} onChange={setOverlapS} />
      </Field>
    </FormDialog>
  );
}

/** A key's text, and below it what is done with it. */
export function ShownOnce(props: { text: string; title: string; onClose: () => void; children?: ReactNode }) {
  const { text, title, onClose, children } = props;
  const { t } = useLanguage();
  return (
    <Dialog
      title={title}
      isFinal
      onClose={onClose}
      footer={
        <>
          <span className="grow" />
          <Button kind="primary" onClick={onClose}>
            {t.keys.kept}
          </Button>
        </>
      }
    >
      <div className="stack">
        <div className="note wait">{t.keys.shownText}</div>
        <div className="row">
          <code className="secret" data-testid="api-key">
            {text}
          </code>
          <Copyable text={text} label={t.keys.copy} secret />
        </div>
        {children}
      </div>
    </Dialog>
  );
}
