export { AccountClient, type PublishOptions } from './account.ts';
export { Batcher, type BatcherOptions } from './batcher.ts';
export { PosthornError, PosthornUnreachable, type Problem } from './error.ts';
export { KeyVerifier, type KeyVerifierOptions } from './key-verifier.ts';
export { Posthorn, type PosthornOptions } from './posthorn.ts';
export type { Call } from './transport.ts';
export type * from './types.ts';
export * from './webhook/index.ts';
