// Written by `posthorn contract types` from the contract "loop-returns": write it anew when that changes.
import type { WebhookContract, WebhookEvent } from '../webhook/contract.ts';

/** Loop Returns: what its receivers get. */
export type LoopReturnsEvent =
  | WebhookEvent<"return.created" | "return.updated" | "return.closed", "return", ReturnPayload>
  | WebhookEvent<"label.created" | "label.updated", "label", LabelPayload>
  | WebhookEvent<"restock.requested", "restock", RestockPayload>
  | WebhookEvent<"label.request.created" | "label.request.updated" | "label.request.requested" | "label.request.closed" | "label.request.issued" | "label.request.cancelled", "label.request", LabelRequestPayload>
  | WebhookEvent<"giftcard.requested", "giftcard", GiftcardPayload>
  | WebhookEvent<"shipment.processed", "happy.returns.shipment", HappyReturnsShipmentPayload>
  | WebhookEvent<"return.processing.failed", "return.processing", ReturnProcessingPayload>;

export const loopReturns: WebhookContract<LoopReturnsEvent> = {
  "name": "loop-returns",
  "signature": {
    "scheme": "hmac",
    "header": "X-Loop-Signature",
    "hash": "sha256",
    "encoding": "base64",
    "secret": {
      "bytes": 16,
      "encoding": "hex",
      "key": "text"
    }
  },
  "id": null,
  "trigger": {
    "member": "trigger"
  },
  "topic": {
    "member": "topic"
  },
  "payload": null
};

export interface GiftcardPayload {
  topic: 'giftcard';
  /**
   * The event that triggered the webhook
   */
  trigger: string;
  id: number | null;
  /**
   * Decimal number as a string
   */
  total_credit_issued: string;
  /**
   * Decimal number as a string
   */
  gift_card_subtotal?: string;
  /**
   * Decimal number as a string
   */
  gift_card_tax?: string;
  /**
   * Decimal number as a string
   */
  gift_card_bonus_credit?: string;
  currency: string;
  return_id?: string;
  email?: string;
  first_name?: string | null;
  last_name?: string | null;
  external_order_id?: number | string;
  external_order_name?: string;
  external_order_number?: number | string;
  [k: string]: unknown;
}
export interface HappyReturnsShipmentPayload {
  topic: 'happy.returns.shipment';
  /**
   * The event that triggered the webhook
   */
  trigger: string;
  loop_shipment_id: number;
  happy_returns_shipment_id: string;
  [k: string]: unknown;
}
export interface LabelPayload {
  topic: 'label';
  /**
   * The event that triggered the webhook
   */
  trigger: string;
  shop_id?: number | string;
  /**
   * The Loop return ID
   */
  id: number | string;
  order_id?: number | string;
  provider_order_id?: number | string;
  carrier?: string;
  tracking_number?: string;
  /**
   * pre_transit, in_transit, out_for_delivery, delivered, error, failure or N/A
   */
  label_status?: string;
  /**
   * ISO 8601
   */
  label_updated_at?: string;
  shipment_id?: string;
  [k: string]: unknown;
}
export interface LabelRequestPayload {
  topic: 'label.request';
  /**
   * The event that triggered the webhook
   */
  trigger: string;
  /**
   * The unique identifier of the shop that created the webhook
   */
  shop_id?: number;
  /**
   * The Loop label request ID
   */
  id: number | string;
  /**
   * The Loop return ID
   */
  return_id: number;
  addresses?: {
    origin?: {
      /**
       * The address name
       */
      name?: string;
      /**
       * The address company
       */
      company?: string;
      /**
       * The address address1
       */
      address1?: string;
      /**
       * The address address2
       */
      address2?: string;
      /**
       * The address city
       */
      city?: string;
      /**
       * The address state
       */
      state?: string;
      /**
       * The address zip
       */
      zip?: string;
      /**
       * The address country
       */
      country?: string;
      /**
       * ISO 3166-1 alpha-2
       */
      country_code?: string;
      /**
       * Numerical characters only
       */
      phone?: string;
      [k: string]: unknown;
    };
    destination?: {
      /**
       * The address name
       */
      name?: string;
      /**
       * The address company
       */
      company?: string;
      /**
       * The address address1
       */
      address1?: string;
      /**
       * The address address2
       */
      address2?: string;
      /**
       * The address city
       */
      city?: string;
      /**
       * The address state
       */
      state?: string;
      /**
       * The address zip
       */
      zip?: string;
      /**
       * The address country
       */
      country?: string;
      /**
       * ISO 3166-1 alpha-2
       */
      country_code?: string;
      /**
       * Numerical characters only
       */
      phone?: string;
      [k: string]: unknown;
    };
    [k: string]: unknown;
  };
  parcel?: {
    /**
     * Inches
     */
    height?: number;
    /**
     * Inches
     */
    length?: number;
    /**
     * Inches
     */
    width?: number;
    weight?: number;
    /**
     * Line item ids in the parcel
     */
    line_items?: number[];
    [k: string]: unknown;
  };
  products?: {
    name?: string;
    sku?: string;
    hs_code?: string;
    country_of_origin?: string;
    price?: {
      /**
       * Cents
       */
      amount?: number;
      currency?: string;
      [k: string]: unknown;
    };
    [k: string]: unknown;
  }[];
  /**
   * When the request was created, ISO 8601
   */
  created_at?: string;
  [k: string]: unknown;
}
export interface RestockPayload {
  topic: 'restock';
  /**
   * The event that triggered the webhook
   */
  trigger: string;
  id: number | string;
  order_id?: number | string;
  provider_order_id?: number | string;
  restock_items: {
    location_id?: number | string;
    variant_id?: number | string;
    inventory_item_id?: number | string;
    available_adjustment?: number | string;
    inventory_management?: string;
    [k: string]: unknown;
  }[];
  [k: string]: unknown;
}
/**
 * What is known of a return. Numbers that the documentation shows both quoted and unquoted are accepted in both forms.
 */
export interface ReturnPayload {
  topic: 'return';
  /**
   * The event that triggered the webhook
   */
  trigger: string;
  /**
   * The shop that created the webhook
   */
  shop_id?: number;
  /**
   * The Loop return ID
   */
  id: number | string;
  /**
   * open, cancelled, closed or review; older returns: expired
   */
  state: string;
  /**
   * ISO 8601
   */
  created_at: string;
  /**
   * ISO 8601
   */
  edited_at?: string | null;
  /**
   * Decimal number as a string
   */
  total?: string;
  order_id?: number | string;
  order_name?: string;
  provider_order_id?: number | string;
  order_number?: number | string;
  provider_order_number?: number | string;
  provider_order_external_id?: number | string;
  provider_order_sales_channel?: string;
  /**
   * E-mail address
   */
  customer?: string;
  customer_detail?: {
    email?: string;
    first_name?: string | null;
    middle_name?: string | null;
    last_name?: string | null;
    [k: string]: unknown;
  };
  address?: {
    name?: string;
    company?: string;
    address1?: string;
    address2?: string;
    city?: string;
    state?: string;
    zip?: number | string;
    country?: string;
    /**
     * ISO 3166-1 alpha-2
     */
    country_code?: string;
    phone?: string;
    [k: string]: unknown;
  };
  /**
   * ISO 4217
   */
  currency?: string;
  /**
   * Decimal number as a string
   */
  return_product_total?: string;
  /**
   * Decimal number as a string
   */
  return_discount_total?: string;
  /**
   * Decimal number as a string
   */
  return_tax_total?: string;
  /**
   * Decimal number as a string
   */
  return_total?: string;
  /**
   * Decimal number as a string
   */
  return_credit_total?: string;
  status_page_url?: string;
  /**
   * Decimal number as a string
   */
  exchange_product_total?: string;
  /**
   * Decimal number as a string
   */
  exchange_discount_total?: string;
  /**
   * Decimal number as a string
   */
  exchange_tax_total?: string;
  /**
   * Decimal number as a string
   */
  exchange_total?: string;
  /**
   * Decimal number as a string
   */
  exchange_credit_total?: string;
  /**
   * Decimal number as a string
   */
  gift_card?: string;
  /**
   * Decimal number as a string
   */
  handling_fee?: string;
  /**
   * Decimal number as a string
   */
  refund?: string;
  refunds?: {
    gateway?: string;
    amount?: number | string;
    currency?: string;
    provider_refund_id?: number | string;
    [k: string]: unknown;
  }[];
  /**
   * Decimal number as a string
   */
  upsell?: string;
  is_gift_return?: boolean;
  labels?: {
    status?: string;
    updated_at?: string;
    url?: string;
    /**
     * Cents
     */
    rate?: number;
    carrier?: string;
    tracking_number?: number | string;
    line_items?: number[];
    [k: string]: unknown;
  }[];
  line_items?: {
    line_item_id?: number | string;
    provider_line_item_id?: number | string;
    product_id?: number | string;
    variant_id?: number | string;
    sku?: string;
    barcode?: string;
    title?: string;
    returned_at?: string;
    return_reason?: string;
    parent_return_reason?: string;
    return_comment?: string;
    outcome?: string;
    price?: number | string;
    discount?: number | string;
    tax?: number | string;
    refund?: number | string;
    exchange_variant?: number | string;
    [k: string]: unknown;
  }[];
  exchanges?: {
    exchange_id?: number | string;
    exchange_order_id?: number | string;
    product_id?: number | string;
    variant_id?: number | string;
    exchange_order_name?: string;
    sku?: string;
    type?: string;
    title?: string;
    price?: number | string;
    discount?: number | string;
    tax?: number | string;
    total?: number | string;
    out_of_stock?: boolean;
    out_of_stock_resolution?: string | null;
    [k: string]: unknown;
  }[];
  carrier?: string;
  tracking_number?: number | string;
  label_status?: string;
  label_updated_at?: string | null;
  [k: string]: unknown;
}
export interface ReturnProcessingPayload {
  topic: 'return.processing';
  /**
   * The event that triggered the webhook
   */
  trigger: string;
  return_id: number;
  return_state: 'open' | 'review';
  message: string | null;
  /**
   * warehouse, admin or api
   */
  source: string | null;
  [k: string]: unknown;
}
