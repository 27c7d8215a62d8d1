import { invalidAt } from './errors.ts';

/** How requests authenticate to an endpoint's receiver, besides their signature. */
export type EndpointAuth =
  | { readonly type: 'basic'; readonly username: string; readonly password: string }
  | { readonly type: 'bearer'; readonly token: string }
  | OAuth2;

/** The client credentials grant of OAuth 2 (RFC 6749, 4.4). */
export interface OAuth2 {
  readonly type: 'oauth2';
  readonly token_url: string;
  readonly client_id: string;
  readonly client_secret: string;
  readonly scope?: string;
  readonly audience?: string;
  /** Where the client's credentials are sent: Basic authentication, or the body (RFC 6749, 2.3.1). */
  readonly credentials_in?: 'header' | 'body';
}

/** As somebody asks for it: members of every type. */
export type AuthWish = { type: EndpointAuth['type'] } & { [name in MemberName]?: string };
type MemberName = 'username' | 'password' | 'token' | Exclude<keyof OAuth2, 'type'>;

const MEMBERS: Readonly<Record<EndpointAuth['type'], { needs: readonly MemberName[]; may: readonly MemberName[] }>> = {
  basic: { needs: ['username', 'password'], may: [] },
  bearer: { needs: ['token'], may: [] },
  oauth2: { needs: ['token_url', 'client_id', 'client_secret'], may: ['scope', 'audience', 'credentials_in'] },
};

/**
 * @param pointer to it in the request's body
 * @throws Problem `invalid_request`
 */
export function toAuth(wish: AuthWish, pointer: string): EndpointAuth {
  const { needs, may } = MEMBERS[wish.type];
  const missing = needs.find((name) => wish[name] === undefined);
  if (missing !== undefined) throw invalidAt(`${pointer}/${missing}`, 'is missing');
  const known: readonly string[] = ['type', ...needs, ...may];
  const other = Object.keys(wish).find((name) => !known.includes(name));
  if (other !== undefined) throw invalidAt(`${pointer}/${other}`, `does not go with ${wish.type}`);
  // A password may have colons, and a name may not (RFC 7617).
  if (wish.username?.includes(':')) throw invalidAt(`${pointer}/username`, 'has no colon');
  return wish as EndpointAuth;
}

/** The value of an Authorization header. */
export function basicCredentials(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
