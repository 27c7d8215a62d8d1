import type { LucideIcon } from 'lucide-react';
import { Button } from './button.tsx';

/** Something to do with a row, beside opening it. `label` names the row, too. */
export function RowAction(props: { icon: LucideIcon; title: string; label: string; onClick: () => void }) {
  const { icon: Icon, title, label, onClick } = props;
  return (
    <Button
      kind="plain"
      size="icon"
      aria-label={label}
      title={title}
      onClick={(event) => {
        event.stopPropagation();
        onClick();
      }}
    >
      <Icon size={15} aria-hidden />
    </Button>
  );
}
