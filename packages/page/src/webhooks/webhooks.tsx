import { lazy } from 'react';
import { useAccount } from '../account.tsx';
import { WebhookList } from './webhook-list.tsx';

const EndpointSettings = lazy(() =>
  import('./endpoint-settings.tsx').then((module) => ({ default: module.EndpointSettings })),
);

/** A list of webhooks, or settings where an account has one endpoint. */
export function Webhooks() {
  const { contract } = useAccount();
  return contract.limits.endpoints_per_account === 1 ? <EndpointSettings /> : <WebhookList />;
}
