import { useMutation } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { Dialog as Primitive } from 'radix-ui';
import type { FormEvent, ReactNode } from 'react';
import { useLanguage } from '../texts/language.tsx';
import { Button } from './button.tsx';
import { ErrorNote } from './notes.tsx';

export interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  footer?: ReactNode;
  /** A drawer shows one thing beside its list; a dialog asks something. */
  kind?: 'dialog' | 'drawer';
  wide?: boolean;
}

/** Keeps the focus while it is open, closes with Esc, and gives the focus back. */
export function Dialog({ title, onClose, children, footer, kind = 'dialog', wide = false }: DialogProps) {
  const { t } = useLanguage();
  return (
    <Primitive.Root open onOpenChange={(open) => !open && onClose()}>
      <Primitive.Portal>
        <Primitive.Overlay className="veil" />
        <Primitive.Content
          className={`${kind}${wide ? ' wide' : ''}`}
          aria-describedby={undefined}
          onOpenAutoFocus={focusFirstField}
        >
          <header>
            <Primitive.Title asChild>
              <h2>{title}</h2>
            </Primitive.Title>
            <Primitive.Close className="button plain icon" aria-label={t.common.close}>
              <X size={16} aria-hidden />
            </Primitive.Close>
          </header>
          <div className="body">{children}</div>
          {footer !== undefined && <footer>{footer}</footer>}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}

/** What asks is typed into at once; what only shows takes the focus as a whole. */
function focusFirstField(event: Event): void {
  event.preventDefault();
  const content = event.currentTarget as HTMLElement;
  (content.querySelector<HTMLElement>('form :is(input, select, textarea)') ?? content).focus();
}

/** A dialog with one thing to do: Cancel, a verb, and what went wrong with it. */
export function FormDialog(props: {
  title: string;
  verb: string;
  danger?: boolean;
  wide?: boolean;
  disabled?: boolean;
  /** Closes the dialog by itself when it is done. */
  submit: () => Promise<unknown>;
  onError?: (error: unknown) => void;
  onClose: () => void;
  children: ReactNode;
}) {
  const { title, verb, danger = false, wide = false, disabled = false, submit, onError, onClose, children } = props;
  const { t } = useLanguage();
  const action = useMutation({ mutationFn: submit, ...(onError ? { onError } : {}) });
  const run = (event: FormEvent) => {
    event.preventDefault();
    action.mutate();
  };
  return (
    <Dialog
      title={title}
      wide={wide}
      onClose={onClose}
      footer={
        <>
          <span className="grow" />
          <Button onClick={onClose}>{t.common.cancel}</Button>
          <Button
            type="submit"
            form="dialog-form"
            kind={danger ? 'danger' : 'primary'}
            disabled={disabled || action.isPending}
          >
            {verb}
          </Button>
        </>
      }
    >
      <form id="dialog-form" className="stack" onSubmit={run}>
        {children}
        <ErrorNote error={action.error} />
      </form>
    </Dialog>
  );
}
