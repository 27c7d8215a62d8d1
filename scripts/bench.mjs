import { build, install, root } from './prepare.mjs';

install();
build();
await import(new URL('bench/dist/main.js', `file://${root}/`).href);
