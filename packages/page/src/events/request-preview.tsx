import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useAccount } from '../account.tsx';
import { get } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import { Body, Headers } from '../ui/code.tsx';
import { Skeleton } from '../ui/notes.tsx';

interface Preview {
  headers: Record<string, string>;
  body: string;
  body_encoding: string;
}

/** What arrives: the server writes it as it writes the real request, so that nothing here can be different from that. */
export function RequestPreview(props: {
  /** Of a sample, or of an event that was published. */
  of: { trigger?: string; topic?: string | null; event?: string };
  /** Where there is nothing to show. */
  otherwise?: ReactNode;
}) {
  const { of, otherwise = null } = props;
  const { path } = useAccount();
  const { t } = useLanguage();
  const query = new URLSearchParams(Object.entries(of).filter((entry): entry is [string, string] => Boolean(entry[1])));
  const preview = useQuery({
    queryKey: [path, 'preview', query.toString()],
    queryFn: () => get<Preview>(`${path}/preview?${query}`),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  if (preview.isError) return otherwise;
  if (!preview.data) return <Skeleton rows={3} />;
  const { headers, body, body_encoding: encoding } = preview.data;
  return (
    <div className="stack tight">
      <Body label={t.events.body} text={body} encoding={encoding} />
      <details>
        <summary>{t.events.headers}</summary>
        <div className="stack tight inset">
          <Headers headers={headers} label={t.events.headers} />
          <p className="hint">{t.events.signedAsSample}</p>
        </div>
      </details>
    </div>
  );
}
