import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { useLanguage } from '../texts/language.tsx';
import { Code } from '../ui/code.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { Field, Select } from '../ui/field.tsx';

type Part = 'use' | 'verify';

/** Code to begin with: a call with the key, and how the API that is called finds out whether it is valid. */
export function KeyCode({ prefix, scopes }: { prefix: string; scopes: readonly string[] }) {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const [part, setPart] = useState<Part>('use');
  const { name, before } = contract.page.key_header;
  const text = part === 'use' ? callCode(name, `${before}${prefix}`) : verifyCode(name, before, scopes);
  return (
    <details>
      <summary>{t.keys.code}</summary>
      <div className="stack tight inset">
        <div className="row end">
          <Field label={t.keys.codeFor} className="grow">
            <Select
              value={part}
              choices={[
                { value: 'use' as const, label: t.keys.codeUse },
                { value: 'verify' as const, label: t.keys.codeVerify },
              ]}
              onChange={setPart}
            />
          </Field>
          <Copyable text={text} label={t.common.copyIt(t.keys.code)} />
        </div>
        <Code text={text} label={t.keys.code} small />
      </div>
    </details>
  );
}

function callCode(header: string, value: string): string {
  return [`curl https://api.example.com/… \\`, `  -H '${header}: ${value}'`].join('\n');
}

/** For the API that the key opens: it asks this server, with the operator key. */
function verifyCode(header: string, before: string, scopes: readonly string[]): string {
  const read =
    before === '' ? `request.headers.get('${header}')` : `request.headers.get('${header}')?.slice(${before.length})`;
  return [
    `const answer = await fetch('${location.origin}/v1/keys/verify', {`,
    `  method: 'POST',`,
    `  headers: { authorization: \`Bearer \${process.env.POSTHORN_KEY}\`, 'content-type': 'application/json' },`,
    `  body: JSON.stringify({`,
    `    key: ${read},`,
    `    scopes: ${JSON.stringify(scopes)},`,
    `    address: request.ip,`,
    `  }),`,
    `});`,
    `const { valid, account, reason } = await answer.json();`,
    `if (!valid) throw new Error(\`401: \${reason}\`);`,
  ].join('\n');
}
