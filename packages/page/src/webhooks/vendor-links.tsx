import { ExternalLink } from 'lucide-react';
import { useAccount } from '../account.tsx';
import { useLanguage } from '../texts/language.tsx';

/** Where the sender's own documentation and support are, as its contract says. */
export function VendorLinks() {
  const { contract } = useAccount();
  const { t } = useLanguage();
  if (contract.page.links.length === 0) return null;
  return (
    <nav className="row vendor-links" aria-label={t.page.links}>
      {contract.page.links.map(({ label, url }) => (
        <a key={url} href={url} target="_blank" rel="noreferrer">
          {label} <ExternalLink size={12} aria-hidden />
        </a>
      ))}
    </nav>
  );
}
