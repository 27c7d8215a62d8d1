/** What a key needs to read the account's feed, whatever scopes the contract has. */
export const FEED_SCOPE = 'posthorn:feed';
