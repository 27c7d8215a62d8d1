import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { get, post } from '../api.ts';
import { useOperatorRole } from '../console/operator-role.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { SecretRow } from '../ui/secret.tsx';
import { toast } from '../ui/toasts.tsx';
import { useWebhookName } from './webhook-name.ts';

/** The secret of a webhook: fetched when it is revealed, and forgotten when it is hidden. */
export function SecretView({ endpoint }: { endpoint: Endpoint }) {
  const { path, contract, may } = useAccount();
  const { t, f } = useLanguage();
  const [secret, setSecret] = useState<string>();
  const [isRotating, setRotating] = useState(false);
  const nameOf = useWebhookName();
  const role = useOperatorRole();
  const here = `${path}/endpoints/${endpoint.id}`;
  const fetchSecret = () => get<{ secret: string }>(`${here}/secret`);
  const read = useMutation({
    mutationFn: fetchSecret,
    onSuccess: (answer) => setSecret(answer.secret),
    gcTime: 0,
  });
  const hide = () => {
    setSecret(undefined);
    read.reset();
  };
  if (!may('webhooks') || role === 'support' || contract.signature.scheme === 'none') return null;
  return (
    <section className="stack tight" aria-label={contract.words.secret}>
      <h3>{contract.words.secret}</h3>
      <SecretRow shown={secret} onToggle={secret === undefined ? () => read.mutate() : hide}>
        <Copyable text={secret ?? (async () => (await fetchSecret()).secret)} label={t.secret.copy} secret />
        <Button size="small" onClick={() => setRotating(true)}>
          {t.common.rotate}
        </Button>
      </SecretRow>
      {endpoint.public_key !== null && (
        <p className="quiet">
          {t.secret.publicKey} <code>{endpoint.public_key}</code>
        </p>
      )}
      <p className="hint">{t.secret.hint}</p>
      {endpoint.previous_secret_until !== null && (
        <p className="hint">{t.secret.previousUntil(f.exact(Date.parse(endpoint.previous_secret_until)))}</p>
      )}
      <ErrorNote error={read.error} />
      {isRotating && (
        <RotateDialog
          here={here}
          name={nameOf(endpoint)}
          onClose={() => setRotating(false)}
          onDone={(fresh) => {
            setSecret(fresh);
            setRotating(false);
          }}
        />
      )}
    </section>
  );
}

function RotateDialog(props: { here: string; name: string; onClose: () => void; onDone: (secret: string) => void }) {
  const { here, name, onClose, onDone } = props;
  const { path, contract } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const [overlapS, setOverlapS] = useState(86_400);
  return (
    <FormDialog
      title={t.secret.rotateTitle}
      verb={t.common.rotate}
      onClose={onClose}
      submit={async () => {
        const { secret } = await post<{ secret: string }>(`${here}/rotate-secret`, { overlap_seconds: overlapS });
        await queries.invalidateQueries({ queryKey: [path, 'verdict'] });
        await queries.invalidateQueries({ queryKey: [path, 'endpoints'] });
        toast(t.secret.rotated);
        onDone(secret);
      }}
    >
      <p>
        <code>{name}</code>
      </p>
      <p>{contract.signature_overlap ? t.secret.rotateOverlap : t.secret.rotateAtOnce}</p>
      {contract.signature_overlap && (
        <Field label={t.secret.overlap}>
          <Select value={overlapS} choices={t.secret.overlaps} onChange={setOverlapS} />
        </Field>
      )}
    </FormDialog>
  );
}
