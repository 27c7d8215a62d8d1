import { useLanguage } from '../texts/language.tsx';
import { Field, Select } from '../ui/field.tsx';
import { AUTH_FIELDS, AUTH_TYPES, type AuthDraft } from './auth-draft.ts';

/** How requests authenticate to the receiver, besides their signature. */
export function AuthFields(props: {
  draft: AuthDraft;
  change: (changes: Partial<AuthDraft>) => void;
  wrong: (field: string) => string | undefined;
  /** There is one already: its secrets are typed again when something is changed. */
  isThere: boolean;
}) {
  const { draft, change, wrong, isThere } = props;
  const { t } = useLanguage();
  const fields = AUTH_FIELDS[draft.type];
  return (
    <>
      <Field label={t.auth.title} hint={t.auth.hint}>
        <Select
          value={draft.type}
          choices={AUTH_TYPES.map((value) => ({ value, label: t.auth.types[value] }))}
          onChange={(type) => change({ type })}
        />
      </Field>
      {fields.map(({ name, isOptional = false, isSecret = false }) => {
        const mistake = wrong(`auth/${name}`);
        return (
          <Field
            key={name}
            label={t.auth.fields[name]}
            hint={isSecret && isThere ? t.auth.again : isOptional ? t.auth.optional : undefined}
            error={mistake}
          >
            <input
              type={isSecret ? 'password' : 'text'}
              autoComplete="off"
              spellCheck={false}
              value={draft[name]}
              aria-invalid={mistake !== undefined}
              onChange={(event) => change({ [name]: event.target.value })}
            />
          </Field>
        );
      })}
      {draft.type === 'oauth2' && (
        <Field label={t.auth.credentialsIn}>
          <Select
            value={draft.credentials_in}
            choices={(['header', 'body'] as const).map((value) => ({ value, label: t.auth.places[value] }))}
            onChange={(credentials_in) => change({ credentials_in })}
          />
        </Field>
      )}
    </>
  );
}
