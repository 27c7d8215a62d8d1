import { hasSettings, useAccount } from '../account.tsx';
import { EndpointSettings } from './endpoint-settings.tsx';
import { VendorLinks } from './vendor-links.tsx';
import { WebhookList } from './webhook-list.tsx';

/** A list of webhooks, or settings where an account has one endpoint. */
export function Webhooks() {
  const { contract } = useAccount();
  return (
    <>
      {hasSettings(contract) ? <EndpointSettings /> : <WebhookList />}
      {/* Where the keys stand below, the links stand below those. */}
      {contract.page.keys === 'section' && <VendorLinks />}
    </>
  );
}
