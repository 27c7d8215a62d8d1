import { thinned } from '../contract/fields.ts';
import { reshapedOf } from '../deliver/sender.ts';
import { Problem } from '../domain/errors.ts';
import { type Method, TransformFailed } from '../domain/transformation.ts';
import type { Directory } from '../fanout/directory.ts';
import { type Transformer, withTransformed } from '../transform/transformer.ts';
import type { Previews, PreviewWish } from './previews.ts';

export interface TriedRequest {
  method: Method;
  headers: [string, string][];
  body: Buffer;
}

export interface Tried {
  /** What the function is given. */
  before: TriedRequest;
  /** What it makes of that. */
  after?: TriedRequest;
  /** Why it makes nothing. */
  error?: string;
}

/** Tries out a transformation: nothing is stored, and nothing is sent. */
export class Transformations {
  constructor(private readonly parts: { directory: Directory; previews: Previews; transformer: Transformer }) {}

  /**
   * @param endpointId whose headers the function may not set again
   * @throws Problem `account_not_found`, `endpoint_not_found`, `event_not_found`, `unknown_trigger`, `unknown_topic`,
   * `unknown_pair`, `not_supported`
   */
  async try(accountId: string, code: string, endpointId: string | undefined, of: PreviewWish): Promise<Tried> {
    const { directory, previews, transformer } = this.parts;
    const account = await directory.get(accountId);
    if (!account) throw new Problem('account_not_found');
    const { contract, facts } = account;
    if (!contract.limits.transformations)
      throw new Problem('not_supported', 'Endpoints of this contract have no transformations.');
    const endpoint = endpointId === undefined ? undefined : account.endpoints.get(endpointId);
    if (endpointId !== undefined && !endpoint) throw new Problem('endpoint_not_found');
    const { event, topic } = await previews.eventOf(account, of);
    const body = contract.encodeBody({ event: endpoint?.thin ? thinned(event) : event, topic, account: facts });
    const contentType = contract.defaultHeaders.filter(([name]) => name === 'content-type');
    const before: TriedRequest = { method: 'POST', headers: contentType, body };
    const reshaped = endpoint
      ? reshapedOf(endpoint, code)
      : { accountId, contract, headerNames: [], hasAuth: false, code };
    try {
      const made = await transformer.transform(reshaped, { event, topic, account: facts }, body);
      const headers = withTransformed(contentType, made);
      return { before, after: { method: made.method, headers, body: made.body } };
    } catch (error) {
      if (!(error instanceof TransformFailed)) throw error;
      return { before, error: error.message };
    }
  }
}
