import { useQuery } from '@tanstack/react-query';
import { get, SESSION } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint, PageInfo } from '../types.ts';
import { Field, Select } from '../ui/field.tsx';
import type { TlsDraft, TlsField } from './tls-draft.ts';

/** A certificate that ends within so long is warned of. */
const WARN_MS = 30 * 86_400_000;

/** How the server's requests go out: from where, and whether endpoints may have authorities of their own. */
export function useEgress(): PageInfo['egress'] | undefined {
  return useQuery({ queryKey: ['egress'], queryFn: () => get<PageInfo>(SESSION), staleTime: Number.POSITIVE_INFINITY })
    .data?.egress;
}

/** Certificates for connections to the receiver. */
export function TlsFields(props: {
  draft: TlsDraft;
  change: (changes: Partial<TlsDraft>) => void;
  wrong: (field: string) => string | undefined;
  /** There are some already: all of them are put in again when one is changed. */
  isThere: boolean;
}) {
  const { draft, change, wrong, isThere } = props;
  const { t } = useLanguage();
  const hasAuthorities = useEgress()?.own_authorities ?? false;
  const fields: TlsField[] = [
    'certificate',
    'private_key',
    ...(hasAuthorities ? ['certificate_authority' as const] : []),
  ];
  const hasOwnMistake = fields.some((name) => wrong(`tls/${name}`) !== undefined);
  const ofAll = draft.type === 'own' && !hasOwnMistake ? wrong('tls') : undefined;
  return (
    <>
      <Field label={t.tls.title} hint={t.tls.hint} error={ofAll}>
        <Select
          value={draft.type}
          choices={(['none', 'own'] as const).map((value) => ({ value, label: t.tls.types[value] }))}
          onChange={(type) => change({ type })}
        />
      </Field>
      {draft.type === 'own' &&
        fields.map((name) => {
          const mistake = wrong(`tls/${name}`);
          return (
            <Field
              key={name}
              label={t.tls.fields[name]}
              hint={isThere ? t.tls.again : t.tls.hints[name]}
              error={mistake}
            >
              <textarea
                className="mono"
                spellCheck={false}
                autoComplete="off"
                value={draft[name]}
                placeholder={name === 'private_key' ? '-----BEGIN PRIVATE KEY-----' : '-----BEGIN CERTIFICATE-----'}
                aria-invalid={mistake !== undefined}
                onChange={(event) => change({ [name]: event.target.value })}
              />
            </Field>
          );
        })}
    </>
  );
}

/** What is shown of an endpoint's certificates: whose they are, and until when. */
export function TlsFacts({ tls }: { tls: NonNullable<Endpoint['tls']> }) {
  const { t, f } = useLanguage();
  const parts = [
    { name: 'certificate', facts: tls.certificate },
    { name: 'certificate_authority', facts: tls.certificate_authority },
  ] as const;
  return parts.map(({ name, facts }) => {
    if (!facts) return null;
    const leftMs = Date.parse(facts.expires_at) - Date.now();
    const isWarned = leftMs < WARN_MS;
    return (
      <div key={name}>
        <dt>{t.tls.fields[name]}</dt>
        <dd className="stack tight">
          <code title={facts.fingerprint}>{facts.subject}</code>
          <span className={isWarned ? 'bad' : 'quiet'}>
            {leftMs < 0
              ? t.tls.expired(f.longDay(Date.parse(facts.expires_at)))
              : t.tls.until(f.longDay(Date.parse(facts.expires_at)))}
          </span>
        </dd>
      </div>
    );
  });
}
