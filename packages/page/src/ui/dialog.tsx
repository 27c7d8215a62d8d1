import { useMutation } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { Dialog as Primitive } from 'radix-ui';
import { type FormEvent, type ReactNode, useId, useState } from 'react';
import { useVisiblePart } from '../embedding.ts';
import { useLanguage } from '../texts/language.tsx';
import { Button } from './button.tsx';
import { isTyping } from './keyboard.ts';
import { ErrorNote } from './notes.tsx';

export interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** Nothing, or `false` where there is nothing to do. */
  footer?: ReactNode;
  /** A drawer shows one thing beside its list; a dialog asks something. */
  kind?: 'dialog' | 'drawer';
  wide?: boolean;
  /** Closes by its own buttons alone: what it shows cannot be seen again, or what was begun has not ended. */
  isFinal?: boolean;
}

/**
 * Keeps the focus while it is open, closes with Esc, and gives the focus back. A click beside it closes a drawer, and
 * not a dialog: what was typed is not lost by a slip.
 */
export function Dialog(props: DialogProps) {
  const { title, onClose, children, footer, kind = 'dialog', wide = false, isFinal = false } = props;
  const { t } = useLanguage();
  const [before] = useState(() => document.activeElement);
  useVisiblePart();
  return (
    <Primitive.Root open onOpenChange={(open) => !open && onClose()}>
      <Primitive.Portal>
        <Primitive.Overlay className="veil" />
        <Primitive.Content
          className={`${kind}${wide ? ' wide' : ''}`}
          aria-describedby={undefined}
          onOpenAutoFocus={focusFirstField}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            if (isTyping()) return;
            // What opened it may be gone with what was done in it: then to the screen, never to nothing.
            const isThere = before?.isConnected && before !== document.body;
            const next = isThere ? before : document.querySelector('main');
            if (next instanceof HTMLElement) next.focus();
          }}
          onInteractOutside={(event) => {
            // The toast may be gone already by the click that is told of here.
            const isToast = event.target instanceof Element && event.target.closest('.toast, .banner') !== null;
            if (kind === 'dialog' || isToast) event.preventDefault();
          }}
          onEscapeKeyDown={(event) => isFinal && event.preventDefault()}
        >
          <header>
            <Primitive.Title asChild>
              <h2>{title}</h2>
            </Primitive.Title>
            {!isFinal && (
              <Primitive.Close className="button plain icon" aria-label={t.common.close}>
                <X size={16} aria-hidden />
              </Primitive.Close>
            )}
          </header>
          <div className="body">{children}</div>
          {footer && <footer>{footer}</footer>}
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
  const formId = useId();
  const action = useMutation({ mutationFn: submit, gcTime: 0, ...(onError ? { onError } : {}) });
  const run = (event: FormEvent) => {
    event.preventDefault();
    action.mutate();
  };
  return (
    <Dialog
      title={title}
      wide={wide}
      // What is under way cannot be called back: it would happen behind a dialog that was closed.
      isFinal={action.isPending}
      onClose={onClose}
      footer={
        <>
          <span className="grow" />
          <Button disabled={action.isPending} onClick={onClose}>
            {t.common.cancel}
          </Button>
          <Button
            type="submit"
            form={formId}
            kind={danger ? 'danger' : 'primary'}
            disabled={disabled || action.isPending}
          >
            {verb}
          </Button>
        </>
      }
    >
      <form id={formId} className="stack" onSubmit={run}>
        {children}
        <ErrorNote error={action.error} />
      </form>
    </Dialog>
  );
}
