import type { ReactNode } from 'react';

/** A label around its control, with a hint below that turns into what is wrong. */
export function Field(props: {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  className?: string;
  children: ReactNode;
}) {
  const { label, hint, error, className = '', children } = props;
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is among the children
    <label className={`field ${className}`}>
      <span>{label}</span>
      {children}
      {(error ?? hint) !== undefined && <small className={error === undefined ? '' : 'bad'}>{error ?? hint}</small>}
    </label>
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
  disabled?: boolean;
}) {
  const { value, choices, onChange, label, disabled = false } = props;
  return (
    <select
      aria-label={label}
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
