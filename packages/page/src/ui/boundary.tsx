import { Component, type ReactNode } from 'react';
import { useLanguage } from '../texts/language.tsx';
import { Button } from './button.tsx';
import { Empty } from './notes.tsx';

/**
 * What fails while it is drawn, or cannot be read since the server has been upgraded, takes only its own part of the
 * page with it.
 */
export class Boundary extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override render() {
    return this.state.hasFailed ? <Failed /> : this.props.children;
  }
}

function Failed() {
  const { t } = useLanguage();
  return (
    <div className="main">
      <Empty isScreen title={t.page.failed} text={t.page.failedText}>
        <Button kind="primary" onClick={() => window.location.reload()}>
          {t.page.reload}
        </Button>
      </Empty>
    </div>
  );
}
