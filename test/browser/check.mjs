// Opens the browser of the tests once, before any of them: one that does not start is one line, not a failure of every page.
import { openBrowser } from './open.mjs';

try {
  await (await openBrowser()).close();
} catch ({ message }) {
  // Of all that is known about a launch, what the browser itself said, or else the first line.
  const [, reason] = /\[err\] (.+)/.exec(message) ?? /^(?:browserType\.launch: )?(.+)/.exec(message) ?? [];
  console.error(`The browser of the tests does not start: ${reason}`);
  process.exit(1);
}
