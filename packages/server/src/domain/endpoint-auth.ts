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

/** The value of an Authorization header. */
export function basicCredentials(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
