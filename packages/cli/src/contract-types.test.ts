import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { standard } from '../../sdk/src/webhook/index.ts';
import { contractTypes } from './contract-types.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const IMPORT = '../webhook/contract.ts';

/** When a contract has changed: `npm test -- -u packages/cli` writes the SDK's module of it anew. */
test.each(['loop-returns', 'loop-subscriptions', 'loops'])(
  'the module of the SDK for %s is what its contract says',
  async (name) => {
    const written = await contractTypes(`${ROOT}contracts/${name}`, { importFrom: IMPORT });
    await expect(written).toMatchFileSnapshot(`${ROOT}packages/sdk/src/contracts/${name}.ts`);
  },
);

test('the module for standard has no payloads of its own, and says what the SDK says', async () => {
  const written = await contractTypes(`${ROOT}contracts/standard`);
  expect(written).toContain("import type { WebhookContract, WebhookEvent } from '@posthorn/sdk/webhook';");
  expect(JSON.parse(/= (\{\n[^;]*\});/.exec(written)?.[1] ?? '')).toEqual(standard);
});
