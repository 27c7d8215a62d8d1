import { Switch } from 'radix-ui';
import { useAccount } from '../account.tsx';
import { matchesTrigger } from '../events/getters.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { Check } from '../ui/field.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { useEndpointActions } from './endpoint-actions.ts';
import { singleOf } from './endpoint-draft.ts';

/** A toggle for each group of events; its name opens the single ones. Of an endpoint, or of one that is to be. */
export function EventToggles(props: { endpoint: Endpoint } | Choice) {
  return 'endpoint' in props ? <OfEndpoint endpoint={props.endpoint} /> : <Groups {...props} />;
}

interface Choice {
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
}

function OfEndpoint({ endpoint }: { endpoint: Endpoint }) {
  const { contract } = useAccount();
  const actions = useEndpointActions(endpoint);
  // A pattern like `email.*` can be subscribed by the API: it is every event that it matches.
  const chosen = new Set(
    contract.triggers
      .map(({ value }) => value)
      .filter((trigger) => endpoint.subscriptions.some((one) => matchesTrigger(one.trigger, trigger))),
  );
  return (
    <Groups
      chosen={chosen}
      onChoose={(next) => actions.subscribe([...next].map((trigger) => singleOf(trigger, endpoint.subscriptions)))}
      error={actions.error}
    />
  );
}

function Groups({ chosen, onChoose, error }: Choice & { error?: unknown }) {
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  // Contracts need not have groups: then there is one.
  const all = { value: '*', label: t.webhooks.allOfThem, triggers: contract.triggers.map(({ value }) => value) };
  const groups = contract.groups.length > 0 ? contract.groups : [all];
  const toggle = (triggers: readonly string[], isOn: boolean) => {
    const next = new Set(chosen);
    for (const trigger of triggers) {
      if (isOn) next.add(trigger);
      else next.delete(trigger);
    }
    onChoose(next);
  };
  return (
    <section className="card" aria-label={t.nav.events}>
      <header>
        <h2>{t.nav.events}</h2>
        <span className="quiet">{chosen.size === 0 ? t.endpoint.noEventsOn : t.endpoint.eventsOn(chosen.size)}</span>
      </header>
      <div className="body stack">
        {groups.map((group) => {
          const count = group.triggers.filter((trigger) => chosen.has(trigger)).length;
          const isAll = count === group.triggers.length;
          return (
            <div className="row top nowrap" key={group.value}>
              <GroupSwitch
                label={t.endpoint.allOf(group.label)}
                state={isAll ? 'on' : count > 0 ? 'mixed' : 'off'}
                onToggle={() => toggle(group.triggers, !isAll)}
              />
              <details className="grow">
                <summary>
                  {group.label} <span className="quiet">{t.common.countOf(count, group.triggers.length)}</span>
                </summary>
                {group.triggers.map((trigger) => (
                  <Check
                    key={trigger}
                    label={<code>{trigger}</code>}
                    about={contract.triggers.find((one) => one.value === trigger)?.description}
                    checked={chosen.has(trigger)}
                    disabled={!may('webhooks')}
                    onChange={(checked) => toggle([trigger], checked)}
                  />
                ))}
              </details>
            </div>
          );
        })}
        <ErrorNote error={error} />
      </div>
    </section>
  );
}

/** All, none or some of a group: pressed, some become all. */
function GroupSwitch(props: { label: string; state: 'on' | 'off' | 'mixed'; onToggle: () => void }) {
  const { label, state, onToggle } = props;
  const { may } = useAccount();
  if (state !== 'mixed') {
    return (
      <Switch.Root
        className="switch"
        aria-label={label}
        checked={state === 'on'}
        disabled={!may('webhooks')}
        onCheckedChange={onToggle}
      />
    );
  }
  // A switch knows no state in between; a checkbox does (ARIA 1.2).
  return (
    // biome-ignore lint/a11y/useSemanticElements: it looks as the switches beside it do
    <button
      type="button"
      role="checkbox"
      aria-checked="mixed"
      aria-label={label}
      className="switch"
      data-state="mixed"
      disabled={!may('webhooks')}
      onClick={onToggle}
    />
  );
}
