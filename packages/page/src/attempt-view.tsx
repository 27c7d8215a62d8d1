import { Tabs } from 'radix-ui';
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
      <Tabs.Root defaultValue={response ? 'response' : 'request'}>
        <Tabs.List className="tabs" aria-label="Request and response">
          <Tabs.Trigger value="request">Request</Tabs.Trigger>
          <Tabs.Trigger value="response">Response{response ? ` ${response.status}` : ''}</Tabs.Trigger>
        </Tabs.List>
        <Tabs.Content value="request" className="stack tight">
          <div className="row">
            <Copyable text={asCurl(attempt)} label="Copy as curl" /> <span className="quiet">Copy as curl</span>
          </div>
          <Headers headers={request.headers} label="Request headers" />
          <Body text={request.body} encoding={request.body_encoding} />
        </Tabs.Content>
        <Tabs.Content value="response" className="stack tight">
          {response ? (
            <>
              <Headers headers={response.headers} label="Response headers" />
              <Body text={response.body} encoding={response.body_encoding} />
              {response.truncated && <p className="quiet">Only the first 64 KiB are kept.</p>}
            </>
          ) : (
            <p className="quiet">No response came. {attempt.error_detail}</p>
          )}
        </Tabs.Content>
      </Tabs.Root>
    </div>
  );
}
