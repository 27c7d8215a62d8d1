import type { Endpoint } from '../types.ts';

/** What the form holds of certificates: PEM texts. None is ever shown again, so they are empty until somebody puts them in. */
export interface TlsDraft {
  type: 'none' | 'own';
  certificate: string;
  private_key: string;
  certificate_authority: string;
}

export type TlsField = Exclude<keyof TlsDraft, 'type'>;

export function tlsDraftOf(tls: Endpoint['tls'] | undefined): TlsDraft {
  return { type: tls ? 'own' : 'none', certificate: '', private_key: '', certificate_authority: '' };
}

/** What of it is sent: nothing when nothing was changed. */
export function tlsWish(draft: TlsDraft, before: Endpoint['tls'] | undefined): { tls?: object | null } {
  if (JSON.stringify(draft) === JSON.stringify(tlsDraftOf(before))) return {};
  const { type, ...fields } = draft;
  if (type === 'none') return { tls: null };
  return { tls: Object.fromEntries(Object.entries(fields).filter(([, text]) => text.trim() !== '')) };
}
