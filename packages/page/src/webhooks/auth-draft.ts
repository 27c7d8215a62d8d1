import type { Endpoint } from '../types.ts';

export const AUTH_TYPES = ['none', 'basic', 'bearer', 'oauth2'] as const;
export type AuthType = (typeof AUTH_TYPES)[number];

/** What the form holds of how requests authenticate. Secrets are never shown: they are empty until somebody types them. */
export interface AuthDraft {
  type: AuthType;
  username: string;
  password: string;
  token: string;
  token_url: string;
  client_id: string;
  client_secret: string;
  scope: string;
  audience: string;
  credentials_in: 'header' | 'body';
}

export type AuthField = Exclude<keyof AuthDraft, 'type' | 'credentials_in'>;

/** The fields of each type in their order; `?`: may be left empty. */
export const AUTH_FIELDS: Readonly<
  Record<AuthType, readonly { name: AuthField; isOptional?: true; isSecret?: true }[]>
> = {
  none: [],
  basic: [{ name: 'username' }, { name: 'password', isSecret: true }],
  bearer: [{ name: 'token', isSecret: true }],
  oauth2: [
    { name: 'token_url' },
    { name: 'client_id' },
    { name: 'client_secret', isSecret: true },
    { name: 'scope', isOptional: true },
    { name: 'audience', isOptional: true },
  ],
};

export function authDraftOf(auth: Endpoint['auth'] | undefined): AuthDraft {
  const { type = 'none', username = '', token_url = '', client_id = '', scope = '', audience = '' } = auth ?? {};
  const secrets = { password: '', token: '', client_secret: '' };
  return {
    type,
    username,
    token_url,
    client_id,
    scope,
    audience,
    credentials_in: auth?.credentials_in ?? 'header',
    ...secrets,
  };
}

/** What of it is sent: nothing when nothing was changed. */
export function authWish(draft: AuthDraft, before: Endpoint['auth'] | undefined): { auth?: object | null } {
  if (JSON.stringify(draft) === JSON.stringify(authDraftOf(before))) return {};
  if (draft.type === 'none') return { auth: null };
  const fields = AUTH_FIELDS[draft.type].flatMap(({ name }) => (draft[name] === '' ? [] : [[name, draft[name]]]));
  const place = draft.type === 'oauth2' ? { credentials_in: draft.credentials_in } : {};
  return { auth: { type: draft.type, ...Object.fromEntries(fields), ...place } };
}
