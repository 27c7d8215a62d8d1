import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const { resolve } = createRequire(import.meta.url);
const folderOf = (name: string) => dirname(resolve(`${name}/package.json`));

/** The contracts that come with Posthorn. */
export const CONTRACTS_FOLDER = folderOf('@posthorn/contracts');
/** The Developers page, built. */
export const PAGE_FOLDER = join(folderOf('@posthorn/page'), 'dist');
/** The documentation as a site, built. */
export const DOCS_FOLDER = join(folderOf('@posthorn/docs'), 'dist');
/** What puts it into another product. */
export const EMBED_FILE = join(folderOf('@posthorn/embed'), 'dist', 'embed.js');
