// Written by `posthorn contract types` from the contract "loop-subscriptions": write it anew when that changes.
import type { WebhookContract, WebhookEvent } from '../webhook/contract.ts';

/** Loop Subscriptions: what its receivers get. */
export type LoopSubscriptionsEvent =
  | WebhookEvent<"subscription/created" | "subscription/paused" | "subscription/updated" | "subscription/cancelled" | "subscription/resumed" | "subscription/reactivated" | "subscription/delayed" | "subscription/rescheduled" | "subscription/expired" | "subscription/inventoryAction", null, SubscriptionPayload>
  | WebhookEvent<"order/upcoming" | "order/processed" | "order/partiallyProcessed" | "order/outOfStock" | "order/skipped" | "order/unskipped" | "order/paymentFailed", null, OrderPayload>
  | WebhookEvent<"paymentMethod/updateRequested" | "paymentMethod/updated" | "paymentMethod/expiringSoon", null, PaymentMethodPayload>
  | WebhookEvent<"flow/completed", null, FlowPayload>
  | WebhookEvent<"subscriptionCheckout/success" | "subscriptionCheckout/failed", null, CheckoutPayload>;

export const loopSubscriptions: WebhookContract<LoopSubscriptionsEvent> = {
  "name": "loop-subscriptions",
  "signature": {
    "scheme": "hmac",
    "header": "X-Loop-Signature",
    "hash": "sha256",
    "encoding": "base64",
    "secret": {
      "bytes": 32,
      "encoding": "hex",
      "key": "text"
    }
  },
  "id": {
    "header": "X-Loop-Webhook-Id"
  },
  "trigger": {
    "header": "X-Loop-Webhook-Topic"
  },
  "topic": null,
  "payload": "payload"
};

/**
 * The object inside `payload`. Further members are passed on as they are.
 */
export interface CheckoutPayload {
  /**
   * Unique number
   */
  id: number;
  /**
   * In capitals
   */
  status?: string;
  customer?: {
    email?: string;
    firstName?: string | null;
    lastName?: string | null;
    [k: string]: unknown;
  };
  lineItems?: {
    sku?: string | null;
    /**
     * Decimal number as a string
     */
    price?: string;
    quantity?: number;
    [k: string]: unknown;
  }[];
  [k: string]: unknown;
}
/**
 * The object inside `payload`. Further members are passed on as they are.
 */
export interface FlowPayload {
  /**
   * Unique number
   */
  id: number;
  /**
   * In capitals
   */
  status?: string;
  customer?: {
    email?: string;
    firstName?: string | null;
    lastName?: string | null;
    [k: string]: unknown;
  };
  lineItems?: {
    sku?: string | null;
    /**
     * Decimal number as a string
     */
    price?: string;
    quantity?: number;
    [k: string]: unknown;
  }[];
  [k: string]: unknown;
}
/**
 * The object inside `payload`. Further members are passed on as they are.
 */
export interface OrderPayload {
  /**
   * Unique number
   */
  id: number;
  /**
   * In capitals
   */
  status?: string;
  customer?: {
    email?: string;
    firstName?: string | null;
    lastName?: string | null;
    [k: string]: unknown;
  };
  lineItems?: {
    sku?: string | null;
    /**
     * Decimal number as a string
     */
    price?: string;
    quantity?: number;
    [k: string]: unknown;
  }[];
  [k: string]: unknown;
}
/**
 * The object inside `payload`. Further members are passed on as they are.
 */
export interface PaymentMethodPayload {
  /**
   * Unique number
   */
  id: number;
  /**
   * In capitals
   */
  status?: string;
  customer?: {
    email?: string;
    firstName?: string | null;
    lastName?: string | null;
    [k: string]: unknown;
  };
  lineItems?: {
    sku?: string | null;
    /**
     * Decimal number as a string
     */
    price?: string;
    quantity?: number;
    [k: string]: unknown;
  }[];
  [k: string]: unknown;
}
/**
 * The object inside `payload`. Further members are passed on as they are.
 */
export interface SubscriptionPayload {
  /**
   * Unique number
   */
  id: number;
  /**
   * In capitals
   */
  status?: string;
  customer?: {
    email?: string;
    firstName?: string | null;
    lastName?: string | null;
    [k: string]: unknown;
  };
  lineItems?: {
    sku?: string | null;
    /**
     * Decimal number as a string
     */
    price?: string;
    quantity?: number;
    [k: string]: unknown;
  }[];
  [k: string]: unknown;
}
