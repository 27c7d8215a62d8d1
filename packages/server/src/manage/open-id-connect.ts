import * as client from 'openid-client';
import type { OperatorRole } from '../storage/page-store.ts';

const NAME_LENGTH_MAX = 200;
const TIMEOUT_S = 10;

export interface RoleRule {
  /** A claim that has this value, or a list with it; undefined: everybody. */
  claim: string | undefined;
  value: string;
  role: OperatorRole;
}

export interface OpenIdConfig {
  issuer: URL;
  clientId: string;
  clientSecret: string | undefined;
  scopes: string;
  /** The first that fits says what somebody may. */
  roles: readonly RoleRule[];
}

/** What a browser keeps while somebody signs in elsewhere. */
export interface SignInState {
  state: string;
  nonce: string;
  verifier: string;
}

/** Who has signed in; without a role they may not come in here. */
export interface SignedIn {
  name: string;
  role: OperatorRole | undefined;
}

type Claims = Readonly<Record<string, unknown>>;

/** Signs operators in at an OpenID provider: the authorization code flow with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636). */
export class OpenIdConnect {
  private discovered: Promise<client.Configuration> | undefined;

  constructor(private readonly config: OpenIdConfig) {}

  /** @returns where the browser goes, and what it keeps. @throws Error when the provider cannot be reached */
  async begin(redirectUri: string): Promise<{ url: URL; kept: SignInState }> {
    const provider = await this.provider();
    const kept = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
    };
    const url = client.buildAuthorizationUrl(provider, {
      redirect_uri: redirectUri,
      scope: this.config.scopes,
      state: kept.state,
      nonce: kept.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(kept.verifier),
      code_challenge_method: 'S256',
    });
    return { url, kept };
  }

  /**
   * @param answer where the browser has come back to, with what the provider has added
   * @throws Error for an answer that is none to what was begun
   */
  async finish(answer: URL, { state, nonce, verifier }: SignInState): Promise<SignedIn> {
    const provider = await this.provider();
    const tokens = await client.authorizationCodeGrant(provider, answer, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    });
    const inToken: Claims = tokens.claims() ?? {};
    const { sub } = inToken;
    if (typeof sub !== 'string') throw new Error('the ID token has no subject');
    // Providers may keep what they know of somebody out of the token, and tell when they are asked (5.3).
    const hasMore = provider.serverMetadata().userinfo_endpoint !== undefined;
    const claims = trusted(
      hasMore ? { ...inToken, ...(await client.fetchUserInfo(provider, tokens.access_token, sub)) } : inToken,
    );
    return { name: nameOf(claims, sub), role: roleOf(claims, this.config.roles) };
  }

  private provider(): Promise<client.Configuration> {
    this.discovered ??= this.discover().catch((error: unknown) => {
      this.discovered = undefined;
      throw error;
    });
    return this.discovered;
  }

  private async discover(): Promise<client.Configuration> {
    const { issuer, clientId, clientSecret } = this.config;
    // Only of this machine itself: see the settings.
    const execute = issuer.protocol === 'http:' ? [client.allowInsecureRequests] : [];
    const options = { execute, timeout: TIMEOUT_S };
    if (clientSecret === undefined) return await client.discovery(issuer, clientId, undefined, client.None(), options);
    const provider = await client.discovery(
      issuer,
      clientId,
      clientSecret,
      client.ClientSecretBasic(clientSecret),
      options,
    );
    // Basic is what a provider takes that says nothing (OpenID Connect Discovery 1.0, 3).
    const { token_endpoint_auth_methods_supported: methods = ['client_secret_basic'] } = provider.serverMetadata();
    if (methods.includes('client_secret_basic')) return provider;
    return await client.discovery(issuer, clientId, clientSecret, client.ClientSecretPost(clientSecret), options);
  }
}

/** Without an address that somebody has only said is theirs. */
export function trusted({ email, ...claims }: Claims): Claims {
  return claims.email_verified === false || email === undefined ? claims : { ...claims, email };
}

export function roleOf(claims: Claims, rules: readonly RoleRule[]): OperatorRole | undefined {
  return rules.find(({ claim, value }) => {
    if (claim === undefined) return true;
    const found = claims[claim];
    return Array.isArray(found) ? found.includes(value) : String(found) === value;
  })?.role;
}

function nameOf({ email, preferred_username: userName, name }: Claims, subject: string): string {
  const found = [email, userName, name].find((one): one is string => typeof one === 'string' && one !== '');
  return (found ?? subject).slice(0, NAME_LENGTH_MAX);
}
