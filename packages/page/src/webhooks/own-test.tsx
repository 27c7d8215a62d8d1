import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { get, RawJson } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import { fieldMistake } from '../texts/problem-words.ts';
import type { Endpoint } from '../types.ts';
import { FormDialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { prettyJson } from '../ui/pretty-json.ts';
import { type Source, useSources } from './payload-sources.ts';
import { TestResultView, useTest } from './send-test.tsx';
import { useWebhookName } from './webhook-name.ts';

/** Longer ones are slow to edit, and are tests of something else. */
const PAYLOAD_LENGTH_MAX = 200_000;

/** Sends a test whose payload one edits: the sample's, or that of an event that was sent lately. */
export function OwnTest({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { t } = useLanguage();
  const nameOf = useWebhookName();
  const sources = useSources(endpoint);
  /** Kept as it was: an event that was chosen may be none of the newest any more. */
  const [picked, setPicked] = useState<Source>();
  const source = picked ?? sources[0];
  const choices = picked && !sources.some((one) => one.key === picked.key) ? [picked, ...sources] : sources;
  const test = useTest(endpoint);
  const text = usePayload(source);
  /** What somebody has made of it; another source begins anew. */
  const [edited, setEdited] = useState<{ key: string; text: string }>();
  const payload = edited?.key === source?.key ? (edited?.text ?? '') : text;
  const isJson = payload === '' || isValid(payload);
  const refused = fieldMistake(test.error, 'payload', t);
  const [sent, setSent] = useState<string>();
  const send = async () => {
    if (!source) return;
    const { trigger, topic } = source;
    const head = JSON.stringify({ trigger, ...(topic === null ? {} : { topic }) });
    await test.mutateAsync(new RawJson(`${head.slice(0, -1)},"payload":${payload}}`));
    setSent(payload);
  };
  return (
    <FormDialog
      title={t.test.own}
      wide
      verb={test.isPending ? t.test.sending : t.test.send}
      cancel={t.common.close}
      disabled={!isJson || payload === ''}
      // What has been sent stands in the history, too.
      values={edited && edited.text !== sent ? edited.text : undefined}
      fields={['payload']}
      submit={send}
      onClose={onClose}
    >
      <p>
        <code>{nameOf(endpoint)}</code>
      </p>
      <Field label={t.test.source}>
        <Select
          value={source?.key ?? ''}
          choices={choices.map((one) => ({ value: one.key, label: one.label }))}
          onChange={(next) => {
            setPicked(choices.find((one) => one.key === next));
            test.reset();
          }}
        />
      </Field>
      <Field label={t.test.payload} hint={t.test.payloadHint} error={isJson ? refused : t.test.noJson}>
        <textarea
          className="tall"
          spellCheck={false}
          maxLength={PAYLOAD_LENGTH_MAX}
          value={payload}
          aria-invalid={!isJson || refused !== undefined}
          onChange={({ target }) => {
            if (refused !== undefined) test.reset();
            // What is edited stays that of its source, whatever is newest meanwhile.
            setPicked(source);
            setEdited({ key: source?.key ?? '', text: target.value });
          }}
        />
      </Field>
      {test.data && <TestResultView result={test.data} />}
    </FormDialog>
  );
}

/** As it was published, or as the contract's sample has it. */
function usePayload(of: Source | undefined): string {
  const { path } = useAccount();
  const query = new URLSearchParams({
    ...(of?.event === undefined ? { trigger: of?.trigger ?? '' } : { event: of.event }),
    ...(of?.topic ? { topic: of.topic } : {}),
  });
  const preview = useQuery({
    queryKey: [path, 'preview', 'payload', query.toString()],
    enabled: of !== undefined,
    queryFn: () => get<{ payload: string }>(`${path}/preview?${query}`),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  return preview.data ? prettyJson(preview.data.payload) : '';
}

function isValid(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
