import type { Command } from 'commander';
import { setAt, several, withOwnNumbers } from '../arguments.js';
import { CommandFailed } from '../exit-codes.js';
import { Session, withAccount } from '../session.js';

export function triggerCommand(program: Command): void {
  withAccount(
    program
      .command('trigger')
      .description("Publish an event with the contract's sample as its payload: it goes to whoever is subscribed")
      .argument('<trigger>'),
  )
    .option('--topic <topic>', 'of this topic alone, in contracts with topics')
    .option(
      '--set <place=value>',
      'change the sample, as customer.name=Ada or items.0.price=5; several times for several',
      several,
    )
    .action(async (trigger: string, { topic, set = [], ...options }) => {
      const session = new Session(options);
      const { contract: name } = await session.posthorn.accounts.get(session.accountId);
      const contract = await session.posthorn.contracts.get(name);
      const pairs = contract.pairs.filter(
        (pair) => pair.trigger === trigger && (topic === undefined || pair.topic === topic),
      );
      if (pairs.length === 0 && !contract.free_triggers) {
        const known = [...new Set(contract.pairs.map((pair) => pair.trigger))].join(', ');
        throw new CommandFailed(`Contract ${name} has no sample of ${trigger}; it has ${known}.`);
      }
      const samples = pairs.length > 0 ? pairs : [{ topic: null, sample: { message: 'A sample.' } }];
      for (const { sample } of samples) for (const assignment of set) setAt(sample, assignment);
      const byTopic = Object.fromEntries(samples.map((pair) => [pair.topic ?? '', pair.sample]));
      const [only] = samples;
      const isByTopic = only?.topic !== null && trigger !== only?.topic;
      const accepted = await session.account.publishText(
        withOwnNumbers(isByTopic ? { trigger, payloads: byTopic } : { trigger, payload: only?.sample }),
      );
      session.show(accepted, `${accepted.id}  ${accepted.deliveries} deliveries`);
    });
}
