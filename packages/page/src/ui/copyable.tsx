import { Check, Copy } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useLanguage } from '../texts/language.tsx';
import { Button } from './button.tsx';
import { toast } from './toasts.tsx';

const DONE_MS = 1_500;

/** Copies a text; `label` says which. With children it shows them as its word. */
export function Copyable(props: { text: string; label: string; secret?: boolean; children?: ReactNode }) {
  const { text, label, secret = false, children } = props;
  const { t } = useLanguage();
  const [done, setDone] = useState(false);
  const name = done ? t.common.copied : label;
  return (
    <Button
      size={children === undefined ? 'small icon' : 'small'}
      aria-label={name}
      title={name}
      onClick={async (event) => {
        event.stopPropagation();
        await copyText(text);
        setDone(true);
        setTimeout(() => setDone(false), DONE_MS);
        if (secret) toast(t.common.copiedSecret);
      }}
    >
      {done ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
      {children}
    </Button>
  );
}

/** In an iframe the clipboard may be closed: then the old way is tried. */
async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}
