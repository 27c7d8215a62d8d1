import { useLanguage } from '../texts/language.tsx';
import type { Attempt } from '../types.ts';
import { Body, Headers } from '../ui/code.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { asCurl } from '../ui/curl.ts';

const STEPS = ['dns', 'connect', 'tls', 'first_byte', 'total'] as const;

/** Request and response of one attempt, side by side, and where its time went. */
export function AttemptView({ attempt }: { attempt: Attempt }) {
  const { t, f } = useLanguage();
  const { request, response, timings_ms: timings } = attempt;
  return (
    <div className="stack">
      <div className="two">
        <section className="card" aria-label={t.attempt.request}>
          <header>
            <h3>{t.attempt.request}</h3>
            <Copyable text={asCurl(request.method, attempt.url, request)} label={t.attempt.copyCurl}>
              {t.attempt.curl}
            </Copyable>
          </header>
          <div className="body stack tight">
            <Headers headers={request.headers} label={t.attempt.requestHeaders} />
            <Body label={t.attempt.requestBody} text={request.body} encoding={request.body_encoding} />
          </div>
        </section>
        <section className="card" aria-label={t.attempt.response}>
          <header>
            <h3>
              {t.attempt.response} {response?.status}
            </h3>
          </header>
          <div className="body stack tight">
            {response ? (
              <>
                <Headers headers={response.headers} label={t.attempt.responseHeaders} />
                <Body label={t.attempt.responseBody} text={response.body} encoding={response.body_encoding} />
                {response.truncated && <p className="quiet">{t.attempt.truncated}</p>}
              </>
            ) : (
              <p className="quiet">
                {t.attempt.noResponse} {attempt.error_detail}
              </p>
            )}
          </div>
        </section>
      </div>
      <p className="quiet">
        {`${t.attempt.sentAt} ${f.precise(Date.parse(attempt.started_at))} · `}
        {STEPS.filter((step) => timings[step] !== null)
          .map((step) => `${t.attempt.steps[step]} ${f.measured(timings[step] ?? 0)}`)
          .join(' · ')}
      </p>
    </div>
  );
}
