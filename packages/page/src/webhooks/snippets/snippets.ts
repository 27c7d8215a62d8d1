import type { SignatureRules } from '../../types.ts';
import { go } from './go.ts';
import { php } from './php.ts';
import { python } from './python.ts';
import { ruby } from './ruby.ts';
import { type SigningPlan, signingPlanOf } from './signing-plan.ts';
import { typescript } from './typescript.ts';

export interface Snippet {
  language: string;
  text: string;
}

const LANGUAGES: Record<string, (plan: SigningPlan) => string> = {
  TypeScript: typescript,
  Python: python,
  Go: go,
  PHP: php,
  Ruby: ruby,
};

/**
 * Code that verifies this contract's signatures: in each language a function of the raw body, the headers and the
 * secret (for `v1a`, the public key) that answers whether the request is genuine. None for contracts that do not sign.
 * @param kind how the endpoint signs: `v1`, `v1a` or `hmac`
 */
export function snippets(rules: SignatureRules, kind: string): Snippet[] {
  const plan = signingPlanOf(rules, kind);
  if (!plan) return [];
  return Object.entries(LANGUAGES).map(([language, write]) => ({ language, text: write(plan) }));
}
