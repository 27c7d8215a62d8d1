import type { ComponentProps } from 'react';

interface ButtonProps extends ComponentProps<'button'> {
  kind?: 'primary' | 'danger' | 'plain';
  size?: 'small' | 'icon' | 'small icon';
}

/** Never submits a form unless it says so. */
export function Button({ kind, size, className = '', type = 'button', ...props }: ButtonProps) {
  const classes = ['button', kind, size, className].filter(Boolean).join(' ');
  return <button type={type} className={classes} {...props} />;
}
