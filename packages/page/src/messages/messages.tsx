import { lazy, Suspense } from 'react';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import { useTitle } from '../ui/title.ts';
import { MessageList } from './message-list.tsx';
import { Replays } from './replays.tsx';

const Charts = lazy(() => import('./charts.tsx').then((module) => ({ default: module.Charts })));

/** Every request of the last days: what was sent, what was answered, what comes next. */
export function Messages() {
  const { t } = useLanguage();
  useTitle(t.messages.title);
  return (
    <>
      <Head title={t.messages.title}>
        <Replays />
      </Head>
      <div className="stack">
        <Suspense fallback={<div className="card charts-loading" />}>
          <Charts />
        </Suspense>
        <MessageList />
      </div>
    </>
  );
}
