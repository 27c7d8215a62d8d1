import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useAccount } from '../account.tsx';
import { post, type RawJson } from '../api.ts';
import { AttemptView } from '../messages/attempt-view.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Attempt, Endpoint, Verdict } from '../types.ts';

interface TestResult {
  succeeded: boolean;
  attempt: Attempt;
  /** Nothing when it could not be computed: the test was sent all the same. */
  verdict: Verdict | undefined;
}

/** Sends one sample now, and checks its signature as the receiver would. */
export function useTest(endpoint: Endpoint) {
  const { path } = useAccount();
  const queries = useQueryClient();
  const here = `${path}/endpoints/${endpoint.id}`;
  return useMutation({
    /** @param wish which event, and a payload of one's own; the sample of what is subscribed without it */
    mutationFn: async (wish?: RawJson): Promise<TestResult> => {
      const sent = await post<Omit<TestResult, 'verdict'>>(`${here}/test`, wish);
      const { headers, body } = sent.attempt.request;
      const verdict = await post<Verdict>(`${here}/verify`, { headers, body }).catch(() => undefined);
      return { ...sent, verdict };
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: [path, 'recent'] });
      await queries.invalidateQueries({ queryKey: [path, 'deliveries'] });
    },
  });
}

export function TestResultView({ result }: { result: TestResult }) {
  const { t, f } = useLanguage();
  const { succeeded, attempt, verdict } = result;
  const took = f.measured(attempt.duration_ms);
  const status = attempt.response?.status;
  const error = attempt.error === null ? undefined : t.attemptErrors[attempt.error];
  return (
    <section className="stack tight" aria-label={t.test.result}>
      <div className={`note ${succeeded ? 'good' : 'bad'}`} role="status">
        {succeeded && status !== undefined ? t.test.answered(status, took) : t.test.failed(status, took)}{' '}
        {verdict?.valid && t.test.verified}
        {error && (
          <p>
            {status === undefined && `${error.what}. `}
            {error.todo}
          </p>
        )}
      </div>
      <AttemptView attempt={attempt} />
    </section>
  );
}
