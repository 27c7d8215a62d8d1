import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import { useTitle } from '../ui/title.ts';
import { Charts } from './charts.tsx';
import { ExportMenu } from './export-menu.tsx';
import { MessageList } from './message-list.tsx';
import { Replays } from './replays.tsx';
import { SavedViews } from './saved-views.tsx';

/** Every request of the last days: what was sent, what was answered, what comes next. */
export function Messages() {
  const { t } = useLanguage();
  useTitle(t.messages.title);
  return (
    <>
      <Head title={t.messages.title}>
        <SavedViews />
        <ExportMenu />
        <Replays />
      </Head>
      <MessageList between={<Charts />} />
    </>
  );
}
