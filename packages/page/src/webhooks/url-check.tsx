import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useAccount } from '../account.tsx';
import { call } from '../api.ts';
import type { Texts } from '../texts/en.ts';
import type { Format } from '../texts/format.ts';
import { useLanguage } from '../texts/language.tsx';

interface UrlCheck {
  error: string | null;
  status: number | null;
  duration_ms: number;
}

/** How long one pauses before the address is looked up. */
const PAUSE_MS = 700;

/** Whether somebody is there: told beside the field, and never in the way. */
export function UrlCheckView({ url }: { url: string }) {
  const { path } = useAccount();
  const { t, f } = useLanguage();
  const settled = useSettled(url);
  const check = useQuery({
    queryKey: [path, 'url-check', settled],
    enabled: settled !== '' && settled === url,
    queryFn: () => call<UrlCheck>('POST', `${path}/check-url`, { url: settled }),
    retry: false,
    staleTime: 30_000,
    meta: { isOnce: true },
  });
  if (url === '' || check.isError) return null;
  const data = settled === url ? check.data : undefined;
  // The line is there from the beginning: nothing moves when the answer comes.
  return (
    <small className={`url-check ${data?.error ? 'wait' : ''}`} role="status">
      {data === undefined ? t.webhooks.urlCheck.looking : sentenceOf(data, t, f)}
    </small>
  );
}

function sentenceOf({ error, status, duration_ms: took }: UrlCheck, t: Texts, f: Format): string {
  if (error !== null) return t.webhooks.urlCheck.missing(t.attemptErrors[error]?.what ?? error);
  return status === null ? t.webhooks.urlCheck.bin : t.webhooks.urlCheck.there(status, f.measured(took));
}

function useSettled(url: string): string {
  const [settled, setSettled] = useState(url);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(url), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [url]);
  return settled;
}
