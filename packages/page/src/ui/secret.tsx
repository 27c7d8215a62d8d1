import { Eye, EyeOff } from 'lucide-react';
import { useState } from 'react';
import { useLanguage } from '../texts/language.tsx';
import { Button } from './button.tsx';
import { Copyable } from './copyable.tsx';

const MASK = '•'.repeat(24);

/** Masked until it is revealed on purpose; copied without being shown. */
export function Secret({ text }: { text: string }) {
  const { t } = useLanguage();
  const [isShown, setShown] = useState(false);
  return (
    <SecretRow shown={isShown ? text : undefined} onToggle={() => setShown(!isShown)}>
      <Copyable text={text} label={t.secret.copy} secret />
    </SecretRow>
  );
}

/** The line of a secret: what is shown of it, and the eye. */
export function SecretRow(props: { shown: string | undefined; onToggle: () => void; children?: React.ReactNode }) {
  const { shown, onToggle, children } = props;
  const { t } = useLanguage();
  const name = shown === undefined ? t.secret.reveal : t.secret.hide;
  return (
    <div className="row">
      <code className="secret" data-testid="secret">
        {shown ?? MASK}
      </code>
      <Button size="small icon" aria-label={name} title={name} onClick={onToggle}>
        {shown === undefined ? <Eye size={14} aria-hidden /> : <EyeOff size={14} aria-hidden />}
      </Button>
      {children}
    </div>
  );
}
