import type { Attempt } from './types.ts';
import { Body, Copyable, duration, Headers } from './ui.tsx';

/** The request as one line for a shell. */
function asCurl({ url, request }: Attempt): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const headers = Object.entries(request.headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
  return ['curl -X POST', quote(url), ...headers, `--data-raw ${quote(request.body)}`].join(' \\\n  ');
}

const STEPS = [
  ['dns', 'DNS'],
  ['connect', 'Connect'],
  ['tls', 'TLS'],
  ['first_byte', 'First byte'],
  ['total', 'Total'],
] as const;

/** Request and response of one attempt. */
export function AttemptView({ attempt }: { attempt: Attempt }) {
  const { request, response, timings_ms: timings } = attempt;
  return (
    <div className="stack">
      <p className="quiet">
        {STEPS.filter(([step]) => timings[step] !== null)
          .map(([step, name]) => `${name} ${duration(timings[step] ?? 0)}`)
          .join(' · ')}
      </p>
      <div className="two">
        <section className="stack tight" aria-label="Request">
          <div className="row spread">
            <h3>Request</h3>
            <Copyable text={asCurl(attempt)} label="Copy as curl" />
          </div>
          <Headers headers={request.headers} label="Request headers" />
          <Body label="Request body" text={request.body} encoding={request.body_encoding} />
        </section>
        <section className="stack tight" aria-label="Response">
          <div className="row spread" style={{ minHeight: 26 }}>
            <h3>Response{response ? ` ${response.status}` : ''}</h3>
          </div>
          {response ? (
            <>
              <Headers headers={response.headers} label="Response headers" />
              <Body label="Response body" text={response.body} encoding={response.body_encoding} />
              {response.truncated && <p className="quiet">Only the first 64 KiB are kept.</p>}
            </>
          ) : (
            <p className="quiet">No response came. {attempt.error_detail}</p>
          )}
        </section>
      </div>
    </div>
  );
}
