import type { OperatorRole, Permission } from '../storage/page-store.ts';

/**
 * What a session of an account's page may call, by operation. What is not here is the operator's alone; what is here
 * is for the session's own account only.
 */
export const PERMISSION_OF: Readonly<Record<string, Permission>> = {
  getPage: 'read',
  getContract: 'read',
  getAccount: 'read',
  listEndpoints: 'read',
  getEndpoint: 'read',
  getEndpointStats: 'read',
  listParkedKeys: 'read',
  listEndpointStats: 'read',
  listEvents: 'read',
  getEvent: 'read',
  getFeed: 'read',
  listScheduledEvents: 'read',
  getScheduledEvent: 'read',
  listDeliveries: 'read',
  getDeliveryCount: 'read',
  getDeliveryExport: 'read',
  watchDeliveries: 'read',
  getDelivery: 'read',
  getAttempt: 'read',
  getStats: 'read',
  getPreview: 'read',
  listReplays: 'read',
  getReplay: 'read',
  listKeys: 'read',
  getKey: 'read',
  listAudit: 'read',
  listBins: 'read',
  getBin: 'read',
  renderEvent: 'webhooks',
  tryFilter: 'webhooks',
  tryTransformation: 'webhooks',
  generateSecret: 'webhooks',
  checkUrl: 'webhooks',
  getNotices: 'webhooks',
  changeNotices: 'webhooks',
  confirmNotices: 'webhooks',
  testNotices: 'webhooks',
  createEndpoint: 'webhooks',
  changeEndpoint: 'webhooks',
  deleteEndpoint: 'webhooks',
  activateEndpoint: 'webhooks',
  deactivateEndpoint: 'webhooks',
  setTestingMode: 'webhooks',
  rotateSecret: 'webhooks',
  getSecret: 'webhooks',
  verifySignature: 'webhooks',
  testEndpoint: 'webhooks',
  sendExample: 'webhooks',
  retryDelivery: 'webhooks',
  releaseParkedKey: 'webhooks',
  replay: 'webhooks',
  cancelReplay: 'webhooks',
  shareBin: 'webhooks',
  forwardBinRequest: 'webhooks',
  createBin: 'webhooks',
  changeBin: 'webhooks',
  deleteBin: 'webhooks',
  createKey: 'keys',
  changeKey: 'keys',
  deleteKey: 'keys',
  rotateKey: 'keys',
};

/** What shows secrets or signs with them, and who else may come in: not for those who look or help. */
const SECRETS = new Set([
  'getSecret',
  'rotateSecret',
  'verifySignature',
  'renderEvent',
  'getNotices',
  'changeNotices',
  'confirmNotices',
  'listOperatorKeys',
  'getOperatorKey',
]);
/** Besides what a customer's own people may do with webhooks. */
const OF_SUPPORT = new Set(['redriveDeadLetters']);
/** What the product's own server does, besides everything that an account's page may. */
const OF_PRODUCT = new Set([
  'publishEvent',
  'publishEvents',
  'cancelScheduledEvent',
  'verifyKey',
  'createAccount',
  'changeAccount',
  'deleteAccount',
  'listAccounts',
  'listAccountStats',
  'listContracts',
  'listEventTypes',
  'getEventType',
  'putEventTypes',
  'importEventTypes',
  'deleteEventType',
  'createPageSession',
  'endPageSessions',
]);

/** What a page shows as possible. */
export const PERMISSIONS_OF: Readonly<Record<OperatorRole, readonly Permission[]>> = {
  viewer: ['read'],
  support: ['read', 'webhooks'],
  product: ['read', 'webhooks', 'keys'],
  admin: ['read', 'webhooks', 'keys'],
};

/** Whether a role sees what could be a credential: headers of endpoints' own, and of what they were sent. */
export const seesSecrets = (role: OperatorRole): boolean => role === 'admin' || role === 'product';

/** Whether a role may call an operation. What is not named here is for administrators. */
export function mayCall(role: OperatorRole, operation: string, method: string): boolean {
  if (role === 'admin') return true;
  if (role === 'product') return OF_PRODUCT.has(operation) || Object.hasOwn(PERMISSION_OF, operation);
  if (SECRETS.has(operation)) return false;
  if (method === 'GET' || method === 'HEAD') return true;
  return role === 'support' && (PERMISSION_OF[operation] === 'webhooks' || OF_SUPPORT.has(operation));
}
