import { useAccount } from '../account.tsx';
import { useLanguage } from '../texts/language.tsx';
import { fieldMistake } from '../texts/problem-words.ts';
import { Field } from '../ui/field.tsx';
import { urlMistake } from './endpoint-draft.ts';

/**
 * What is wrong with an address: what is seen here at once, else what the server has said of it. `isWrong`: no server needs
 * to be asked.
 */
export function useAddressMistake(url: string, refusal: unknown): { isWrong: boolean; text: string | undefined } {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const seen = urlMistake(url, contract);
  return seen === undefined
    ? { isWrong: false, text: fieldMistake(refusal, 'url', t) }
    : { isWrong: true, text: t.webhooks.urlMistakes[seen] };
}

/** Where requests go. */
export function AddressField(props: {
  url: string;
  mistake: string | undefined;
  hint?: string;
  className?: string;
  onChange: (url: string) => void;
}) {
  const { url, mistake, hint, className, onChange } = props;
  const { contract, may } = useAccount();
  return (
    <Field label={contract.words.url} hint={hint} className={className ?? ''} error={mistake}>
      <input
        type="url"
        required
        value={url}
        placeholder="https://example.com/webhooks"
        disabled={!may('webhooks')}
        aria-invalid={mistake !== undefined}
        onChange={(event) => onChange(event.target.value.trim())}
      />
    </Field>
  );
}
