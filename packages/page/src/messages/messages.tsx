import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import { useTitle } from '../ui/title.ts';
import { Charts } from './charts.tsx';
import { MessageList } from './message-list.tsx';
import { Replays } from './replays.tsx';

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
        <Charts />
        <MessageList />
      </div>
    </>
  );
}
