import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { getAll } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { ApiKey } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Check, Field, Select } from '../ui/field.tsx';
import { fromClock, toClock } from '../ui/time-range.tsx';
import { FEED_SCOPE } from './feed-scope.ts';

const DAY_MS = 86_400_000;

interface ScopeProps {
  scopes: readonly string[];
  onChange: (scopes: string[]) => void;
  error: string | undefined;
}

/** Those of the contract to tick, or free words where it declares none, with those of other keys as suggestions. */
export function Scopes({ scopes, onChange, error }: ScopeProps) {
  const { scopes: all } = useAccount();
  const { t } = useLanguage();
  if (all.length === 0) return <FreeScopes scopes={scopes} onChange={onChange} error={error} />;
  // Those that the contract had once can be taken away.
  const gone = scopes.filter((scope) => !all.some(({ value }) => value === scope));
  const known = [...all, ...gone.map((value) => ({ value, label: value, description: undefined }))];
  return (
    <fieldset>
      <legend className="legend">{t.keys.scopes}</legend>
      {known.map(({ value, label, description }) => (
        <Check
          key={value}
          label={label}
          about={description ?? value}
          checked={scopes.includes(value)}
          onChange={(isOn) => onChange(isOn ? [...scopes, value] : scopes.filter((scope) => scope !== value))}
        />
      ))}
      {error !== undefined && <small className="bad">{error}</small>}
    </fieldset>
  );
}

function FreeScopes({ scopes, onChange, error }: ScopeProps) {
  const { path } = useAccount();
  const { t } = useLanguage();
  const [text, setText] = useState(scopes.join(', '));
  const keys = useQuery({ queryKey: [path, 'keys'], queryFn: () => getAll<ApiKey>(`${path}/keys`) });
  const known = new Set([FEED_SCOPE, ...(keys.data?.data.flatMap((key) => key.scopes) ?? [])]);
  const others = [...known].filter((scope) => !scopes.includes(scope)).sort();
  const write = (next: string) => {
    setText(next);
    onChange(next.split(/[\s,]+/).filter((scope) => scope !== ''));
  };
  return (
    <div className="stack tight">
      <Field label={t.keys.scopes} hint={t.keys.freeScopesHint} error={error}>
        <input
          type="text"
          value={text}
          placeholder="orders:read, orders:write"
          aria-invalid={error !== undefined}
          onChange={(event) => write(event.target.value)}
        />
      </Field>
      {others.length > 0 && (
        <div className="row">
          {others.map((scope) => (
            <Button size="small" key={scope} onClick={() => write([...scopes, scope].join(', '))}>
              <Plus size={12} aria-hidden /> {scope}
            </Button>
          ))}
        </div>
      )}
    </div>
  );
}

/** Never, after some days, or at a moment of one's own. ISO 8601, or null. */
export function Expiry(props: {
  value: string | null;
  onChange: (value: string | null) => void;
  error: string | undefined;
}) {
  const { value, onChange, error } = props;
  const { t, f, zone } = useLanguage();
  const [choice, setChoice] = useState<number | null>(value === null ? null : OWN);
  return (
    <div className="row end">
      <Field label={t.keys.expires} error={error} className="grow">
        <Select
          value={choice}
          choices={[...t.keys.expiries, { value: OWN, label: t.keys.ownExpiry }]}
          onChange={(days) => {
            setChoice(days);
            if (days !== OWN) onChange(days === null ? null : new Date(Date.now() + days * DAY_MS).toISOString());
          }}
        />
      </Field>
      {choice === OWN && (
        <input
          type="datetime-local"
          aria-label={`${t.keys.expires} (${f.zone(Date.now())})`}
          required
          aria-invalid={error !== undefined}
          value={value === null ? '' : toClock(value, zone)}
          onChange={({ target }) => onChange(fromClock(target.value, zone) || null)}
        />
      )}
    </div>
  );
}

/** No number of days. */
const OWN = 0;
