import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useSearch } from 'wouter';
import { get, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { ErrorNote } from '../ui/notes.tsx';

/** With the operator key, when there is no session yet; the answer sets a cookie that no script sees. */
export function SignIn({ onDone }: { onDone: () => void }) {
  const { t } = useLanguage();
  const search = useSearch();
  const [key, setKey] = useState('');
  const methods = useQuery({
    queryKey: ['sign-in methods'],
    queryFn: () => get<{ openid: boolean }>('/sign-in/methods'),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const signIn = useMutation({ mutationFn: () => post('/sign-in', { key }), onSuccess: onDone });
  const hasOpenId = methods.data?.openid === true;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  // What comes first is known a moment later: nothing jumps.
  if (methods.isPending) return null;
  return (
    <>
      {search.includes('link=used') && <div className="note wait">{t.console.linkUsed}</div>}
      {search.includes('link=expired') && <div className="note wait">{t.console.linkExpired}</div>}
      {search.includes('link=no-role') && <div className="note wait">{t.console.noRole}</div>}
      {search.includes('link=failed') && <div className="note wait">{t.console.openIdFailed}</div>}
      {hasOpenId && (
        <>
          <a className="button primary" href="/sign-in/openid">
            {t.console.openId}
          </a>
          <p className="quiet">{t.console.orWithKey}</p>
        </>
      )}
      <form className="stack" onSubmit={submit}>
        <Field label={t.console.operatorKey} hint={t.console.operatorKeyHint}>
          <input
            type="password"
            autoComplete="current-password"
            required
            // biome-ignore lint/a11y/noAutofocus: there is nothing else to do here
            autoFocus
            value={key}
            onChange={(event) => setKey(event.target.value)}
          />
        </Field>
        <Button type="submit" {...(hasOpenId ? {} : { kind: 'primary' as const })} disabled={signIn.isPending}>
          {t.console.signIn}
        </Button>
        <ErrorNote error={signIn.error} />
      </form>
    </>
  );
}
