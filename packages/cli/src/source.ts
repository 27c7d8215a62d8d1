import { ConfigError, readConfig } from '@posthorn/server/dist/config.js';
import { checkSource, NotPossible, resetSource, tailSource } from '@posthorn/server/dist/sources/look.js';
import { messageOf } from '@posthorn/server/dist/sources/reader.js';
import type { SourceConfig } from '@posthorn/server/dist/sources/source-config.js';
import { mappingOf, toEvent } from '@posthorn/server/dist/sources/to-event.js';
import { CommandFailed, EXIT } from './exit-codes.js';
import { legible, type Print } from './output.js';

type Environment = Readonly<Record<string, string | undefined>>;

const SHOWN_LENGTH_MAX = 120;

/** @throws CommandFailed when the file is wrong, or there is none */
function sourcesOf(environment: Environment): SourceConfig[] {
  try {
    const { sources } = readConfig(environment);
    if (sources.length > 0) return sources;
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandFailed(error.message, EXIT.usage);
    throw error;
  }
  throw new CommandFailed(
    'There are no sources: POSTHORN_SOURCES names the file that says where they are.',
    EXIT.usage,
  );
}

function sourceOf(name: string, environment: Environment): SourceConfig {
  const sources = sourcesOf(environment);
  const found = sources.find((source) => source.name === name);
  if (found) return found;
  const names = sources.map((source) => source.name).join(', ');
  throw new CommandFailed(`There is no source ${name} in the file, only ${names}.`, EXIT.usage);
}

/** Connects to each of them. Answers the exit code. */
export async function checkSources(environment: Environment, print: Print): Promise<number> {
  let code: number = EXIT.done;
  for (const source of sourcesOf(environment)) {
    try {
      print(`well   ${source.name}: ${legible(await checkSource(source))}`);
    } catch (error) {
      code = EXIT.failed;
      print(`wrong  ${source.name}: ${legible(messageOf(error))}`);
    }
  }
  return code;
}

/** Shows what comes, as the mapping makes it an event. */
export async function tail(name: string, environment: Environment, print: Print, signal: AbortSignal): Promise<void> {
  const source = sourceOf(name, environment);
  const mapping = mappingOf(source);
  await possible(() =>
    tailSource(
      source,
      (message) => {
        const place = message.place ?? 'no place';
        try {
          const { accountId, input, text } = toEvent(message, mapping);
          const payload = text.bytes.toString('utf8').slice(0, SHOWN_LENGTH_MAX);
          print(legible(`${place}  ${accountId}  ${input.trigger}  ${input.id ?? '-'}  ${payload}`));
        } catch (error) {
          print(legible(`${place}  no event: ${messageOf(error)}`));
        }
      },
      signal,
    ),
  );
}

export async function reset(name: string, to: 'earliest' | 'latest' | Date, environment: Environment): Promise<void> {
  const source = sourceOf(name, environment);
  await possible(() => resetSource(source, to));
}

/** @throws CommandFailed for what a source of this kind does not have, or refuses */
async function possible(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new CommandFailed(messageOf(error), error instanceof NotPossible ? EXIT.usage : EXIT.failed);
  }
}

/** Of several causes, all. */
