import { Switch } from 'radix-ui';
import { useAccount } from '../account.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';

const HOUR_MS = 3_600_000;

export function TestingMode({ endpoint, onChange }: { endpoint: Endpoint; onChange: (enabled: boolean) => void }) {
  const { contract } = useAccount();
  const { t, f } = useLanguage();
  const { duration_ms: durationMs, interval_ms: intervalMs } = contract.policy.testing_mode;
  return (
    <div className="card">
      <div className="body row nowrap">
        <div>
          <h3 id="testing-mode">{t.endpoint.testingMode}</h3>
          <p className="quiet">{t.endpoint.testingText(f.duration(intervalMs), Math.round(durationMs / HOUR_MS))}</p>
        </div>
        <span className="grow" />
        <Switch.Root
          className="switch"
          aria-labelledby="testing-mode"
          checked={endpoint.testing_until !== null}
          onCheckedChange={onChange}
        />
      </div>
    </div>
  );
}
