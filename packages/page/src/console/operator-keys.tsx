import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useUrlState } from '../account.tsx';
import { ApiError, call, getAll, post } from '../api.ts';
import { RotateDialog, ShownOnce } from '../keys/key-dialogs.tsx';
import { Expiry } from '../keys/key-fields.tsx';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { OperatorKey } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Dialog, FormDialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { Empty, QueryError, Skeleton } from '../ui/notes.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { toast } from '../ui/toasts.tsx';

const PATH = '/v1/operator-keys';
const ROLES = ['viewer', 'support', 'product', 'admin'] as const;
const FIELDS = ['name', 'role', 'expires_at'];

type Doing = 'create' | 'rotate' | 'delete';

const column = columnsOf<OperatorKey>();

/** Who may come in: keys with names and roles. */
export function OperatorKeys() {
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const queries = useQueryClient();
  const [doing, setDoing] = useState<Doing>();
  const [shown, setShown] = useState<string>();
  const keys = useQuery({ queryKey: [PATH], queryFn: () => getAll<OperatorKey>(PATH) });
  const columns = useMemo(
    () =>
      column.columns([
        column.accessor('name', { header: t.operatorKeys.name }),
        column.accessor('role', {
          header: t.operatorKeys.role,
          meta: { width: '140px', phoneWidth: '125px' },
          cell: ({ getValue }) => t.operatorKeys.roles[getValue()],
        }),
        column.accessor('prefix', {
          header: t.keys.key,
          meta: { width: '140px', wideOnly: true },
          cell: ({ getValue }) => <code>{`${getValue()}…`}</code>,
        }),
        column.accessor('last_used_at', {
          header: t.keys.lastUsed,
          meta: { width: '140px', phoneWidth: '100px' },
          cell: ({ getValue }) => <Time at={getValue()} />,
        }),
        column.accessor('expires_at', {
          header: t.keys.expires,
          meta: { width: '140px', wideOnly: true },
          cell: ({ getValue }) => <Time at={getValue()} none={t.operatorKeys.never} />,
        }),
      ]),
    [t],
  );
  const list = keys.data?.data;
  const open = list?.find(({ id }) => id === params.get('key'));
  const close = () => setDoing(undefined);
  const done = async (text?: string) => {
    close();
    setShown(text);
    await queries.invalidateQueries({ queryKey: [PATH] });
  };
  const remove = async (key: OperatorKey) => {
    await call('DELETE', `${PATH}/${key.id}`);
    set({ key: null });
    toast(t.keys.deleted(key.name));
    await done();
  };
  return (
    <>
      <Head title={t.operatorKeys.title}>
        <Button kind="primary" onClick={() => setDoing('create')}>
          <Plus size={16} aria-hidden /> {t.operatorKeys.create}
        </Button>
      </Head>
      <QueryError of={keys} />
      {!list && !keys.error && <Skeleton />}
      {list?.length === 0 && <Empty title={t.operatorKeys.none} text={t.operatorKeys.noneText} />}
      {list && list.length > 0 && (
        <DataTable
          label={t.operatorKeys.title}
          rows={list}
          columns={columns}
          rowId={({ id }) => id}
          openId={open?.id ?? null}
          onOpen={({ id }) => set({ key: id })}
        />
      )}
      {open && <KeyDrawer operatorKey={open} onDo={setDoing} onClose={() => set({ key: null })} />}
      {doing === 'create' && <CreateDialog onClose={close} onDone={done} />}
      {open && doing === 'rotate' && (
        <RotateDialog name={open.name} path={`${PATH}/${open.id}`} onClose={close} onDone={done} />
      )}
      {open && doing === 'delete' && (
        <FormDialog
          title={t.keys.deleteTitle(open.name)}
          verb={t.keys.delete}
          danger
          submit={() => remove(open)}
          onClose={close}
        >
          <p>{t.operatorKeys.deleteText}</p>
        </FormDialog>
      )}
      {shown !== undefined && (
        <ShownOnce text={shown} title={t.operatorKeys.shown} onClose={() => setShown(undefined)} />
      )}
    </>
  );
}

function KeyDrawer(props: { operatorKey: OperatorKey; onDo: (what: Doing) => void; onClose: () => void }) {
  const { operatorKey, onDo, onClose } = props;
  const { name, role, prefix, created_at, expires_at, last_used_at, previous_until } = operatorKey;
  const { t, f } = useLanguage();
  return (
    <Dialog
      title={name}
      kind="drawer"
      onClose={onClose}
      footer={
        <>
          <Button onClick={() => onDo('rotate')}>{t.common.rotate}</Button>
          <span className="grow" />
          <Button kind="danger" onClick={() => onDo('delete')}>
            {t.keys.delete}
          </Button>
        </>
      }
    >
      <div className="stack">
        <p className="quiet">{t.operatorKeys.about[role]}</p>
        <dl className="pairs">
          <div>
            <dt>{t.operatorKeys.role}</dt>
            <dd>{t.operatorKeys.roles[role]}</dd>
          </div>
          <div>
            <dt>{t.keys.key}</dt>
            <dd>
              <code>{`${prefix}…`}</code>
            </dd>
          </div>
          <div>
            <dt>{t.common.created}</dt>
            <dd>
              <Time at={created_at} />
            </dd>
          </div>
          <div>
            <dt>{t.keys.lastUsed}</dt>
            <dd>
              <Time at={last_used_at} />
            </dd>
          </div>
          <div>
            <dt>{t.keys.expires}</dt>
            <dd>
              <Time at={expires_at} none={t.operatorKeys.never} />
            </dd>
          </div>
        </dl>
        {previous_until !== null && Date.parse(previous_until) > Date.now() && (
          <p className="hint">{t.keys.previousUntil(f.exact(Date.parse(previous_until)))}</p>
        )}
      </div>
    </Dialog>
  );
}

function CreateDialog({ onClose, onDone }: { onClose: () => void; onDone: (text: string) => void }) {
  const { t } = useLanguage();
  const [name, setName] = useState('');
  const [role, setRole] = useState<OperatorKey['role']>('viewer');
  const [expiresAt, setExpiresAt] = useState<string | null>(null);
  const [error, setError] = useState<unknown>();
  const wrong = (field: string) => (error instanceof ApiError ? error.at(field) : undefined);
  return (
    <FormDialog
      title={t.operatorKeys.create}
      verb={t.keys.generate}
      values={{ name, role, expiresAt }}
      fields={FIELDS}
      disabled={name.trim() === ''}
      submit={async () => {
        onDone((await post<{ key: string }>(PATH, { name, role, expires_at: expiresAt })).key);
      }}
      onError={setError}
      onClose={onClose}
    >
      <Field label={t.operatorKeys.name} hint={t.operatorKeys.nameHint} error={wrong('name')}>
        <input
          type="text"
          required
          maxLength={200}
          value={name}
          onChange={(event) => {
            setError(undefined);
            setName(event.target.value);
          }}
        />
      </Field>
      <Field label={t.operatorKeys.role} hint={t.operatorKeys.about[role]} error={wrong('role')}>
        <Select
          value={role}
          choices={ROLES.map((value) => ({ value, label: t.operatorKeys.roles[value] }))}
          onChange={setRole}
        />
      </Field>
      <Expiry value={expiresAt} onChange={setExpiresAt} error={wrong('expires_at')} />
    </FormDialog>
  );
}
