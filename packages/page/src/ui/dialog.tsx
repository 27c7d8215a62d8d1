import { useMutation } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { Dialog as Primitive } from 'radix-ui';
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { ApiError } from '../api.ts';
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

/**
 * A dialog with one thing to do: Cancel, a verb, and what went wrong with it. What is wrong with a field stands beside it,
 * is focused, and goes away when something changes. Closing by Esc asks when something was filled in.
 */
export function FormDialog(props: {
  title: string;
  verb: string;
  /** Instead of "Cancel", where something may have been done already. */
  cancel?: string;
  danger?: boolean;
  wide?: boolean;
  disabled?: boolean;
  /** What is filled in, as long as it is worth a question. */
  values?: unknown;
  /** Fields of the request whose mistakes stand beside them. */
  fields?: readonly string[];
  /** Closes the dialog by itself when it is done. */
  submit: () => Promise<unknown>;
  onError?: (error: unknown) => void;
  onClose: () => void;
  children: ReactNode;
}) {
  const { title, verb, danger = false, wide = false, disabled = false, values, fields = [], onClose, children } = props;
  const { submit, onError } = props;
  const { t } = useLanguage();
  const formId = useId();
  const form = useRef<HTMLFormElement>(null);
  const [begun] = useState(() => JSON.stringify(values));
  const [isAsking, setAsking] = useState(false);
  const filled = JSON.stringify(values);
  const action = useMutation({
    mutationFn: submit,
    gcTime: 0,
    ...(onError ? { onError } : {}),
  });
  useEffect(() => {
    if (!action.error) return;
    // When the mistakes have been drawn.
    const frame = requestAnimationFrame(() => {
      form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
    });
    return () => cancelAnimationFrame(frame);
  }, [action.error]);
  const { reset, isPending } = action;
  const pending = useRef(false);
  pending.current = isPending;
  useEffect(() => {
    // What is under way is not forgotten because somebody types on.
    if (filled !== undefined && !pending.current) reset();
  }, [filled, reset]);
  const close = () => (filled === begun ? onClose() : setAsking(true));
  const isBesideFields =
    action.error instanceof ApiError && fields.some((field) => (action.error as ApiError).at(field) !== undefined);
  const run = (event: FormEvent) => {
    event.preventDefault();
    action.mutate();
  };
  return (
    <Dialog
      title={title}
      wide={wide}
      // What is under way cannot be called back: it would happen behind a dialog that was closed.
      isFinal={isPending}
      onClose={close}
      footer={
        isAsking ? (
          <>
            <span className="grow" role="alert">
              {t.common.discardAsk}
            </span>
            <Button ref={focusNow} onClick={() => setAsking(false)}>
              {t.common.keepEditing}
            </Button>
            <Button kind="danger" onClick={onClose}>
              {t.common.discard}
            </Button>
          </>
        ) : (
          <>
            <span className="grow" />
            <Button disabled={isPending} onClick={onClose}>
              {props.cancel ?? t.common.cancel}
            </Button>
            <Button type="submit" form={formId} kind={danger ? 'danger' : 'primary'} disabled={disabled || isPending}>
              {verb}
            </Button>
          </>
        )
      }
    >
      <form id={formId} className="stack" ref={form} onSubmit={run}>
        {children}
        {!isBesideFields && <ErrorNote error={action.error} />}
      </form>
    </Dialog>
  );
}

const focusNow = (element: HTMLElement | null) => element?.focus();
