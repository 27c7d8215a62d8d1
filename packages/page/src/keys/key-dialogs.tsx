import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { call, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { ApiKey } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { Dialog, FormDialog } from '../ui/dialog.tsx';
import { Check, Field, Select } from '../ui/field.tsx';
import { toast } from '../ui/toasts.tsx';

const DAY_MS = 86_400_000;

/** "Generate API key", and the same fields when one is edited. `onDone` gets the key when there is a new one. */
export function KeyDialog(props: { existing?: ApiKey; onClose: () => void; onDone: (text?: string) => void }) {
  const { existing, onClose, onDone } = props;
  const { path } = useAccount();
  const { t } = useLanguage();
  const [label, setLabel] = useState(existing?.label ?? '');
  const [scopes, setScopes] = useState<readonly string[]>(existing?.scopes ?? []);
  const [days, setDays] = useState<number | null>(null);
  const save = async () => {
    if (existing) {
      await call('PATCH', `${path}/keys/${existing.id}`, { label, scopes });
      toast(t.common.saved);
      onDone();
    } else {
      const expires_at = days === null ? null : new Date(Date.now() + days * DAY_MS).toISOString();
      onDone((await post<{ key: string }>(`${path}/keys`, { label, scopes, expires_at })).key);
    }
  };
  return (
    <FormDialog
      title={existing ? t.keys.editKey : t.keys.generateKey}
      verb={existing ? t.common.save : t.keys.generate}
      submit={save}
      onClose={onClose}
    >
      <Field label={t.keys.label} hint={t.keys.labelHint}>
        <input type="text" required maxLength={200} value={label} onChange={(event) => setLabel(event.target.value)} />
      </Field>
      <Scopes scopes={scopes} onChange={setScopes} />
      {!existing && (
        <Field label={t.keys.expires}>
          <Select value={days} choices={t.keys.expiries} onChange={setDays} />
        </Field>
      )}
    </FormDialog>
  );
}

/** Those of the contract to tick, or free words where it declares none. */
function Scopes({ scopes, onChange }: { scopes: readonly string[]; onChange: (scopes: string[]) => void }) {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const [text, setText] = useState(scopes.join(', '));
  if (contract.scopes.length === 0) {
    return (
      <Field label={t.keys.scopes} hint={t.keys.freeScopesHint}>
        <input
          type="text"
          value={text}
          placeholder="orders:read, orders:write"
          onChange={(event) => {
            setText(event.target.value);
            onChange(event.target.value.split(/[\s,]+/).filter((scope) => scope !== ''));
          }}
        />
      </Field>
    );
  }
  return (
    <fieldset>
      <legend className="legend">{t.keys.scopes}</legend>
      {contract.scopes.map(({ value, label, description }) => (
        <Check
          key={value}
          label={label}
          about={description ?? value}
          checked={scopes.includes(value)}
          onChange={(isOn) => onChange(isOn ? [...scopes, value] : scopes.filter((scope) => scope !== value))}
        />
      ))}
    </fieldset>
  );
}

export function RotateDialog(props: { apiKey: ApiKey; onClose: () => void; onDone: (text: string) => void }) {
  const { apiKey, onClose, onDone } = props;
  const { path } = useAccount();
  const { t } = useLanguage();
  const [overlapS, setOverlapS] = useState(86_400);
  return (
    <FormDialog
      title={t.keys.rotateTitle(apiKey.label)}
      verb={t.common.rotate}
      onClose={onClose}
      submit={async () => {
        const body = { overlap_seconds: overlapS };
        onDone((await post<{ key: string }>(`${path}/keys/${apiKey.id}/rotate`, body)).key);
      }}
    >
      <p>{t.keys.rotateText}</p>
      <Field label={t.keys.overlap}>
        <Select value={overlapS} choices={t.keys.overlaps} onChange={setOverlapS} />
      </Field>
    </FormDialog>
  );
}

export function ShownOnce({ text, onClose }: { text: string; onClose: () => void }) {
  const { t } = useLanguage();
  return (
    <Dialog
      title={t.keys.shownTitle}
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
      </div>
    </Dialog>
  );
}
