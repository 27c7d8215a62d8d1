// Puts the licence into the package that is being packed: npm takes it from the package's own folder only.
import { copyFileSync } from 'node:fs';

copyFileSync(new URL('../LICENSE', import.meta.url), 'LICENSE');
