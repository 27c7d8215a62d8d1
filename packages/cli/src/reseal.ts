import { ConfigError } from '@posthorn/server/dist/config.js';
import { KeyRefused } from '@posthorn/server/dist/keyring.js';
import { ResealRefused, reseal } from '@posthorn/server/dist/reseal.js';
import { DatabaseUnavailable } from '@posthorn/server/dist/storage/database-errors.js';

/** What the operator can mend; told in one line. */
const EXPECTED = [ConfigError, KeyRefused, ResealRefused, DatabaseUnavailable];

/** Encrypts all secrets anew and prints how far it is. Answers the exit code. */
export async function resealSecrets(
  environment: Readonly<Record<string, string | undefined>>,
  print: (line: string) => void,
): Promise<number> {
  try {
    await reseal(environment, print);
    return 0;
  } catch (error) {
    if (!EXPECTED.some((kind) => error instanceof kind)) throw error;
    print((error as Error).message);
    return 1;
  }
}
