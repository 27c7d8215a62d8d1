import { Check, Copy } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useLanguage } from '../texts/language.tsx';
import { Button } from './button.tsx';
import { toast } from './toasts.tsx';

const DONE_MS = 1_500;

/** Copies a text, or what is fetched for it; `label` says which. With children it shows them as its word. */
export function Copyable(props: {
  text: string | (() => Promise<string>);
  label: string;
  secret?: boolean;
  children?: ReactNode;
}) {
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
        const button = event.currentTarget;
        const fetched = typeof text === 'string' ? text : await text().catch(() => undefined);
        if (fetched === undefined || !(await copyText(fetched, button))) {
          toast(t.common.notCopied);
          return;
        }
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

/**
 * Answers whether it worked. In an iframe, or without HTTPS, the clipboard may be closed: then the old way is tried,
 * beside the button, since a dialog keeps the focus inside.
 */
async function copyText(text: string, beside: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'sr';
    beside.after(area);
    area.select();
    const worked = document.activeElement === area && document.execCommand('copy');
    area.remove();
    beside.focus();
    return worked;
  }
}
