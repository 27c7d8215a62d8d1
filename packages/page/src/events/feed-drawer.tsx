import { useState } from 'react';
import { Link } from 'wouter';
import { useAccount } from '../account.tsx';
import { FEED_SCOPE } from '../keys/feed-scope.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Event } from '../types.ts';
import { Body, Code } from '../ui/code.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Empty, ErrorNote, Skeleton } from '../ui/notes.tsx';
import { Time } from '../ui/time.tsx';
import { RequestPreview } from './request-preview.tsx';
import { EVENTS_MAX, useFeed } from './use-feed.ts';

/** Events as they happen, whoever gets them, and how a program of one's own reads the same. */
export function FeedDrawer({ onClose }: { onClose: () => void }) {
  const { path } = useAccount();
  const { t } = useLanguage();
  const { events, hasBegun, error } = useFeed(path);
  return (
    <Dialog title={t.feed.title} kind="drawer" onClose={onClose}>
      <div className="stack">
        <ErrorNote error={error} />
        {!hasBegun && error === undefined && <Skeleton rows={3} />}
        {hasBegun && events.length === 0 && <Empty title={t.feed.waiting} text={t.feed.waitingText} />}
        {events.length > 0 && (
          <section className="stack tight" aria-label={t.feed.title}>
            <ul className="feed box">
              {events.map((event) => (
                <FeedEntry key={event.id} event={event} />
              ))}
            </ul>
            {events.length === EVENTS_MAX && <p className="quiet">{t.feed.newest(EVENTS_MAX)}</p>}
          </section>
        )}
        <FromAProgram />
      </div>
    </Dialog>
  );
}

function FeedEntry({ event }: { event: Event }) {
  const { triggerLabel } = useAccount();
  const { t } = useLanguage();
  const [isOpen, setOpen] = useState(false);
  const { id, trigger, payload, payloads, created_at } = event;
  return (
    <li>
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>
          <span className="grow">{triggerLabel(trigger)}</span>
          <code className="quiet">{id}</code>
          <span className="quiet num">
            <Time at={created_at} />
          </span>
        </summary>
        {isOpen && (
          <RequestPreview
            of={{ event: id }}
            otherwise={<Body label={t.events.payload} text={JSON.stringify(payload ?? payloads ?? null)} />}
          />
        )}
      </details>
    </li>
  );
}

/** For whoever cannot be called, or was away. */
function FromAProgram() {
  const { path, may } = useAccount();
  const { t } = useLanguage();
  const command = `curl "${location.origin}${path}/feed?wait=25&cursor=newest" \\\n  -H "Authorization: Bearer <API key>"`;
  return (
    <div className="stack tight">
      <div className="row">
        <h3 className="grow">{t.feed.program}</h3>
        <Copyable text={command} label={t.common.copyIt('curl')} />
      </div>
      <p className="quiet">{t.feed.programText}</p>
      <Code text={command} label={t.feed.program} />
      <p className="quiet">
        {t.feed.needsScope} <code>{FEED_SCOPE}</code>{' '}
        {may('keys') && <Link href={`/keys?scope=${FEED_SCOPE}`}>{t.keys.generateKey}</Link>}
      </p>
    </div>
  );
}
