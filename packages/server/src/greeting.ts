import type { RunningNode } from './node.ts';

/**
 * What the start prints. Where nobody reads it but a log keeps it, the operator key is not in it.
 * @param keyFile where the operator key is kept
 */
export function greeting(
  { url, freshOperatorKey, signInToken }: Pick<RunningNode, 'url' | 'freshOperatorKey' | 'signInToken'>,
  { isTerminal, keyFile }: { isTerminal: boolean; keyFile: string },
): string {
  const lines = [
    '',
    '  Posthorn is ready.',
    '',
    `  Page      ${url}`,
    `  Sign in   ${url}/sign-in?token=${signInToken}`,
    '            (once, within 15 minutes)',
    `  API       ${url}/docs`,
  ];
  if (freshOperatorKey !== undefined) {
    const key = isTerminal
      ? `  Operator key (shown once, kept in ${keyFile}): ${freshOperatorKey}`
      : `  The operator key is in ${keyFile}.`;
    lines.push('', key);
  }
  return `${lines.join('\n')}\n\n`;
}
