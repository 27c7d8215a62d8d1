/**
 * The page's code for verifying signatures, run: in every language that is on this machine (TypeScript always), for
 * every scheme, on what the server really signs.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { snippets } from '../../packages/page/src/webhooks/snippets/snippets.ts';
import { compileSignature, type SignatureRules } from '../../packages/server/src/contract/signatures.ts';
import type { SignatureKind } from '../../packages/server/src/domain/signature.ts';

interface Case {
  name: string;
  rules: SignatureRules;
  kind: SignatureKind;
}

const RETURNS_FILE = new URL('../../contracts/loop-returns/contract.json', import.meta.url);
const { signature: returns } = JSON.parse(readFileSync(RETURNS_FILE, 'utf8')) as { signature: SignatureRules };
const CASES: Case[] = [
  { name: 'standard', rules: { scheme: 'standard-webhooks' }, kind: 'v1' },
  { name: 'ed25519', rules: { scheme: 'standard-webhooks' }, kind: 'v1a' },
  { name: 'svix', rules: { scheme: 'standard-webhooks', header: 'svix-signature' }, kind: 'v1' },
  { name: 'returns', rules: returns, kind: 'hmac' },
  {
    name: 'prefixed',
    rules: {
      scheme: 'hmac',
      header: 'X-Hub-Signature-512',
      hash: 'sha512',
      encoding: 'hex',
      prefix: 'sha512=',
      secret: { prefix: 'sec_', bytes: 32, encoding: 'hex', key: 'bytes' },
    },
    kind: 'hmac',
  },
  {
    name: 'timestamped',
    rules: {
      scheme: 'timestamped-hmac',
      header: 'X-Signature',
      hash: 'sha256',
      encoding: 'hex',
      secret: { prefix: 'key_', bytes: 32, encoding: 'base64', key: 'bytes' },
    },
    kind: 'hmac',
  },
  {
    name: 'timestamped64',
    rules: {
      scheme: 'timestamped-hmac',
      version: 'v0',
      header: 'X-Signature',
      hash: 'sha1',
      encoding: 'base64',
      secret: { bytes: 16, encoding: 'hex', key: 'text' },
    },
    kind: 'hmac',
  },
];

interface Call {
  body: string;
  headers: Record<string, string>;
  secret: string;
}

/** A genuine request, and what must be refused. */
function callsOf({ rules, kind }: Case): { calls: Call[]; expected: boolean[] } {
  const scheme = compileSignature(rules);
  const secret = scheme.generateSecret(kind);
  const other = scheme.generateSecret(kind);
  const shown = (text: string) => scheme.publicKeyOf(scheme.parseSecret(text)) ?? text;
  const body = Buffer.from('{"name": "Jürgen \\/ Zoë",\r\n "total": 1.10}');
  const request = (nowMs: number, keys = [secret]) => {
    const signed = scheme.sign({ keys: keys.map((key) => scheme.parseSecret(key)), eventId: 'evt_1', body, nowMs });
    const timed = rules.scheme === 'standard-webhooks';
    const prefix = timed ? (rules.header ?? 'webhook-signature').replace('signature', '') : '';
    return {
      body: body.toString('base64'),
      headers: {
        ...(timed ? { [`${prefix}id`]: 'evt_1', [`${prefix}timestamp`]: String(Math.floor(nowMs / 1000)) } : {}),
        ...(signed ? { [signed[0].toLowerCase()]: signed[1] } : {}),
      },
      secret: shown(secret),
    };
  };
  const good = request(Date.now());
  const isTimed = rules.scheme !== 'hmac';
  return {
    calls: [
      good,
      // Two signatures, while a secret is changed over.
      scheme.canOverlap ? request(Date.now(), [other, secret]) : good,
      { ...good, body: Buffer.from(JSON.stringify(JSON.parse(body.toString()))).toString('base64') },
      { ...good, secret: shown(other) },
      request(Date.now() - 400_000),
      { ...good, headers: Object.fromEntries(Object.entries(good.headers).filter(([name]) => /id|time/.test(name))) },
    ],
    expected: [true, true, false, false, !isTimed, false],
  };
}

function textOf({ rules, kind }: Case, language: string): string {
  const found = snippets(rules, kind).find((snippet) => snippet.language === language);
  if (!found) throw new Error(`no code in ${language}`);
  return found.text;
}

/** Runs a program that reads calls and writes whether each is genuine, both as JSON. */
function run(command: string[], folder: string, calls: unknown): unknown {
  const [program = '', ...options] = command;
  const done = spawnSync(program, options, { cwd: folder, input: JSON.stringify(calls), encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr || String(done.error));
  return JSON.parse(done.stdout);
}

const isHere = (program: string, ...options: string[]) => spawnSync(program, options).status === 0;
const folder = () => mkdtempSync(join(tmpdir(), 'posthorn-snippets-'));

const SCRIPTS = {
  Python: {
    program: 'python3',
    file: 'verify.py',
    tail: `
import base64, json, sys
calls = json.load(sys.stdin)
print(json.dumps([verify(base64.b64decode(c["body"]), c["headers"], c["secret"]) for c in calls]))`,
  },
  PHP: {
    program: 'php',
    file: 'verify.php',
    head: '<?php\n',
    tail: `
$calls = json_decode(file_get_contents('php://stdin'), true);
echo json_encode(array_map(fn($c) => verify(base64_decode($c['body']), $c['headers'], $c['secret']), $calls));`,
  },
  Ruby: {
    program: 'ruby',
    file: 'verify.rb',
    tail: `
require 'json'
calls = JSON.parse($stdin.read)
puts JSON.dump(calls.map { |c| verify(Base64.decode64(c['body']), c['headers'], c['secret']) })`,
  },
};

describe('code for verifying', () => {
  test('stands in five languages for every scheme, and in none where nothing is signed', () => {
    for (const { rules, kind } of CASES) expect(snippets(rules, kind)).toHaveLength(5);
    expect(snippets({ scheme: 'none' }, 'hmac')).toEqual([]);
  });

  test.each(CASES)('TypeScript: $name', async (one) => {
    const file = join(folder(), 'verify.ts');
    writeFileSync(file, textOf(one, 'TypeScript'));
    const { verify } = (await import(file)) as {
      verify(body: Buffer, headers: Record<string, string>, secret: string): boolean;
    };
    const { calls, expected } = callsOf(one);
    expect(calls.map(({ body, headers, secret }) => verify(Buffer.from(body, 'base64'), headers, secret))).toEqual(
      expected,
    );
  });

  for (const [language, script] of Object.entries(SCRIPTS)) {
    // ed25519 is not in Python's standard library.
    const cases =
      language === 'Python' && !isHere('python3', '-c', 'import cryptography')
        ? CASES.filter(({ kind }) => kind !== 'v1a')
        : CASES;
    test.skipIf(!isHere(script.program, '--version')).each(cases)(`${language}: $name`, (one) => {
      const place = folder();
      const head = 'head' in script ? script.head : '';
      writeFileSync(join(place, script.file), `${head}${textOf(one, language)}\n${script.tail}`);
      const { calls, expected } = callsOf(one);
      expect(run([script.program, script.file], place, calls)).toEqual(expected);
    });
  }

  test.skipIf(!isHere('go', 'version'))('Go: all schemes', () => {
    const place = folder();
    writeFileSync(join(place, 'go.mod'), 'module snippets\n\ngo 1.20\n');
    for (const one of CASES) {
      mkdirSync(join(place, one.name));
      writeFileSync(join(place, one.name, 'verify.go'), textOf(one, 'Go'));
    }
    writeFileSync(join(place, 'main.go'), goMain());
    const all = CASES.map((one) => ({ name: one.name, ...callsOf(one) }));
    const input = Object.fromEntries(all.map(({ name, calls }) => [name, calls]));
    expect(run(['go', 'run', '.'], place, input)).toEqual(
      Object.fromEntries(all.map(({ name, expected }) => [name, expected])),
    );
  });
});

function goMain(): string {
  return `package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
${CASES.map(({ name }) => `\t${name} "snippets/${name}"`).join('\n')}
)

type call struct {
	Body    string
	Headers map[string]string
	Secret  string
}

func main() {
	verifiers := map[string]func([]byte, http.Header, string) bool{
${CASES.map(({ name }) => `\t\t"${name}": ${name}.Verify,`).join('\n')}
	}
	var calls map[string][]call
	if err := json.NewDecoder(os.Stdin).Decode(&calls); err != nil {
		panic(err)
	}
	results := map[string][]bool{}
	for name, list := range calls {
		for _, c := range list {
			body, _ := base64.StdEncoding.DecodeString(c.Body)
			headers := http.Header{}
			for header, value := range c.Headers {
				headers.Set(header, value)
			}
			results[name] = append(results[name], verifiers[name](body, headers, c.Secret))
		}
	}
	json.NewEncoder(os.Stdout).Encode(results)
}
`;
}
