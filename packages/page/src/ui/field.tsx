import type { ReactNode } from 'react';
import { cloneElement, type ReactElement, useId } from 'react';

interface Described {
  'aria-describedby'?: string;
}

/** A label around its control, and below it a hint that turns into what is wrong. */
export function Field(props: {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  className?: string;
  children: ReactElement<Described> | [ReactElement<Described>, ReactElement];
}) {
  const { label, hint, error, className = '', children } = props;
  const id = useId();
  const about = error ?? hint;
  const [control, ...others] = Array.isArray(children) ? children : [children];
  return (
    <div className={`field ${className}`}>
      {/* biome-ignore lint/a11y/noLabelWithoutControl: the control is the child */}
      <label>
        <span>{label}</span>
        {about === undefined ? control : cloneElement(control, { 'aria-describedby': id })}
        {others}
      </label>
      {about !== undefined && (
        <small id={id} className={error === undefined ? '' : 'bad'} role={error === undefined ? undefined : 'alert'}>
          {about}
        </small>
      )}
    </div>
  );
}

export interface Choice<T> {
  value: T;
  label: string;
}

/** One of a few values, of whatever type. */
export function Select<T extends string | number | null>(props: {
  value: T;
  choices: readonly Choice<T>[];
  onChange: (value: T) => void;
  label?: string;
  className?: string;
  disabled?: boolean;
  'aria-describedby'?: string;
}) {
  const { value, choices, onChange, label, className, disabled = false } = props;
  return (
    <select
      className={className}
      aria-label={label}
      aria-describedby={props['aria-describedby']}
      disabled={disabled}
      value={String(value)}
      onChange={(event) => {
        const chosen = choices.find((choice) => String(choice.value) === event.target.value);
        if (chosen) onChange(chosen.value);
      }}
    >
      {choices.map((choice) => (
        <option key={String(choice.value)} value={String(choice.value)}>
          {choice.label}
        </option>
      ))}
    </select>
  );
}

/** A box for several others: all of them, some, or none. */
export function TriCheck(props: {
  label: ReactNode;
  /** What it does, for those who only hear it. */
  name: string;
  state: 'on' | 'off' | 'mixed';
  onToggle: () => void;
}) {
  const { label, name, state, onToggle } = props;
  return (
    <label className="check">
      <input
        type="checkbox"
        aria-label={name}
        checked={state === 'on'}
        ref={(element) => {
          if (element) element.indeterminate = state === 'mixed';
        }}
        onChange={onToggle}
      />
      <span>{label}</span>
    </label>
  );
}

/** A box to tick, with a word and a line about it. */
export function Check(props: {
  type?: 'checkbox' | 'radio';
  name?: string;
  label: ReactNode;
  about?: string | undefined;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}) {
  const { type = 'checkbox', name, label, about, checked, disabled = false, onChange } = props;
  return (
    <label className="check">
      <input
        type={type}
        name={name}
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span>
        {label}
        {about !== undefined && <small className="quiet">{about}</small>}
      </span>
    </label>
  );
}
