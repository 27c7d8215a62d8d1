#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('dist/main.js', import.meta.url);
if (!existsSync(main)) {
  const { build } = await import('../../scripts/prepare.mjs');
  build();
}
await import(main.href);
