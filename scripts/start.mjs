import { build, install, root } from './prepare.mjs';

install();
build();
// Signals reach the server directly: it runs in this process.
await import(new URL('packages/server/dist/main.js', `file://${root}/`).href);
