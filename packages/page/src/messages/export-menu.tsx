import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import { useAccount, useUrlState } from '../account.tsx';
import { download } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import { problemWords } from '../texts/problem-words.ts';
import { Menu } from '../ui/menu.tsx';
import { toast } from '../ui/toasts.tsx';
import { queryOf } from './filters.ts';
import { shownTests } from './use-deliveries.ts';

const FORMATS = ['csv', 'ndjson'] as const;

/** What the list shows, all of it, as a file. */
export function ExportMenu() {
  const { path } = useAccount();
  const { t } = useLanguage();
  const { params } = useUrlState();
  const queries = useQueryClient();
  const run = useMutation({
    mutationFn: (format: string) => {
      const query = queryOf(params, Date.now(), shownTests(queries, path, params));
      query.set('format', format);
      return download(`${path}/deliveries/export?${query}`);
    },
    onError: (error) => toast(problemWords(error, t).detail),
  });
  return (
    <Menu
      label={run.isPending ? t.messages.exporting : t.messages.export}
      items={FORMATS.map((format) => ({
        key: format,
        label: t.messages.exportAs[format],
        isDisabled: run.isPending,
        onChoose: () => run.mutate(format),
      }))}
    >
      <Download size={14} aria-hidden />
      <span className="wide-only">{run.isPending ? t.messages.exporting : t.messages.export}</span>
    </Menu>
  );
}
