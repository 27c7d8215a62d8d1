import { Bookmark } from 'lucide-react';
import { useState } from 'react';
import { useAccount, useUrlState } from '../account.tsx';
import { recall, remember } from '../browser-storage.ts';
import { useLanguage } from '../texts/language.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { Menu } from '../ui/menu.tsx';
import { toast } from '../ui/toasts.tsx';
import { CLEARED } from './filters.ts';

const VIEWS_MAX = 20;

interface View {
  name: string;
  /** The filters, as they stand in the URL. */
  query: string;
}

/** Filters by a name of one's own, kept in this browser for this account. */
export function SavedViews() {
  const { id } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const [views, setViews] = useState(() => read(id));
  const [isNaming, setNaming] = useState(false);
  const query = filtersOf(params);
  const current = views.find((view) => view.query === query);
  // Another tab, or what was done since, may have changed them.
  const keep = (change: (views: readonly View[]) => readonly View[]) => {
    const next = change(read(id));
    setViews(next);
    remember(keyOf(id), JSON.stringify(next));
  };
  const open = (view: View) => set({ ...CLEARED, ...Object.fromEntries(new URLSearchParams(view.query)) });
  return (
    <>
      <Menu
        label={current ? `${current.name} (${t.views.title})` : t.views.title}
        items={[
          ...views.map((view) => ({ key: view.name, label: view.name, onChoose: () => open(view) })),
          current
            ? {
                key: '-',
                label: t.views.remove(current.name),
                onChoose: () => {
                  keep((all) => all.filter((view) => view.name !== current.name));
                  toast(t.views.removed(current.name), () => keep((all) => [...all, current]));
                },
              }
            : {
                key: '+',
                label: views.length >= VIEWS_MAX ? t.views.full : t.views.save,
                isDisabled: query === '' || views.length >= VIEWS_MAX,
                onChoose: () => setNaming(true),
              },
        ]}
      >
        <Bookmark size={14} aria-hidden /> <span className="wide-only">{current?.name ?? t.views.title}</span>
      </Menu>
      {isNaming && (
        <NameDialog
          taken={views.map((view) => view.name)}
          onClose={() => setNaming(false)}
          onName={(name) => {
            keep((all) => [...all.filter((view) => view.name !== name), { name, query }]);
            setNaming(false);
          }}
        />
      )}
    </>
  );
}

function NameDialog(props: { taken: readonly string[]; onClose: () => void; onName: (name: string) => void }) {
  const { taken, onClose, onName } = props;
  const { t } = useLanguage();
  const [name, setName] = useState('');
  const isTaken = taken.includes(name.trim());
  return (
    <FormDialog
      title={t.views.save}
      verb={t.common.save}
      disabled={name.trim() === '' || isTaken}
      submit={async () => onName(name.trim())}
      onClose={onClose}
    >
      <Field label={t.views.name} hint={t.views.nameHint} error={isTaken ? t.views.taken : undefined}>
        <input maxLength={60} value={name} onChange={({ target }) => setName(target.value)} />
      </Field>
    </FormDialog>
  );
}

const keyOf = (account: string) => `posthorn-views-${account}`;

function filtersOf(params: URLSearchParams): string {
  const names = Object.keys(CLEARED).sort();
  const kept = names.flatMap((name) => {
    const value = params.get(name);
    return value === null ? [] : [[name, value]];
  });
  return new URLSearchParams(kept as [string, string][]).toString();
}

/** What somebody else has put there is not believed. */
function read(account: string): readonly View[] {
  try {
    const stored: unknown = JSON.parse(recall(keyOf(account)) ?? '[]');
    if (!Array.isArray(stored)) return [];
    return stored.filter(isView).slice(0, VIEWS_MAX);
  } catch {
    return [];
  }
}

function isView(value: unknown): value is View {
  const { name, query } = (value ?? {}) as Partial<View>;
  return typeof name === 'string' && typeof query === 'string';
}
