import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { lookAgain, useConnection } from '../connection.ts';
import { useVisiblePart } from '../embedding.ts';
import { isPage } from '../session-token.ts';
import { useLanguage } from '../texts/language.tsx';
import { Button } from './button.tsx';

/**
 * What is wrong with the way to the server, above everything: what is open stays open, with what was typed in it, and
 * the page goes on by itself when it is over.
 */
export function ConnectionBanner() {
  const connection = useConnection();
  const queries = useQueryClient();
  // The console asks to sign in again by itself; and what has never begun has not ended.
  const isTold = connection !== 'ended' || (isPage() && queries.getQueryData(['page']) !== undefined);
  return (
    <div className="banner-place" aria-live="polite">
      {connection !== 'ok' && isTold && <Banner of={connection} />}
    </div>
  );
}

function Banner({ of }: { of: 'offline' | 'unreachable' | 'failing' | 'ended' }) {
  const { t } = useLanguage();
  const [isLooking, setLooking] = useState(false);
  const { title, text } = t.connection[of];
  useVisiblePart();
  return (
    <div className="banner">
      <span>
        <strong>{`${title}.`}</strong> {text}
      </span>
      <Button
        size="small"
        disabled={isLooking}
        onClick={async () => {
          setLooking(true);
          await lookAgain();
          setLooking(false);
        }}
      >
        {t.common.again}
      </Button>
    </div>
  );
}
