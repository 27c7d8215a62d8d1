// Written by `posthorn contract types` from the contract "loops": write it anew when that changes.
import type { WebhookContract, WebhookEvent } from '../webhook/contract.ts';

/** Loops: what its receivers get. */
export type LoopsEvent =
  | WebhookEvent<"contact.created", null, ContactCreatedPayload>
  | WebhookEvent<"contact.unsubscribed" | "contact.deleted", null, ContactPayload>
  | WebhookEvent<"contact.mailingList.subscribed" | "contact.mailingList.unsubscribed", null, ContactMailingListPayload>
  | WebhookEvent<"campaign.email.sent", null, CampaignEmailSentPayload>
  | WebhookEvent<"loop.email.sent", null, LoopEmailSentPayload>
  | WebhookEvent<"transactional.email.sent", null, TransactionalEmailSentPayload>
  | WebhookEvent<"email.delivered" | "email.softBounced" | "email.hardBounced" | "email.spamReported", null, EmailEventPayload>
  | WebhookEvent<"email.opened" | "email.clicked" | "email.unsubscribed" | "email.resubscribed", null, EmailActionPayload>
  | WebhookEvent<"testing.testEvent", null, TestingPayload>;

export const loops: WebhookContract<LoopsEvent> = {
  "name": "loops",
  "signature": {
    "scheme": "standard-webhooks",
    "header": "Webhook-Signature"
  },
  "id": {
    "header": "Webhook-Id"
  },
  "trigger": {
    "member": "eventName"
  },
  "topic": null,
  "payload": null
};

export type EmailActionPayload = EmailActionJson;
export type EmailEventPayload = EmailEventJson;

export interface CampaignEmailSentPayload {
  /**
   * The event type
   */
  eventName: string;
  /**
   * When it occurred, Unix time in seconds
   */
  eventTime: number;
  webhookSchemaVersion: '1.0.0';
  contactIdentity: ContactIdentity;
  campaignId: string;
  campaignName?: string;
  email: Email;
  mailingLists?: MailingList[];
  [k: string]: unknown;
}
/**
 * A contact's identifiers
 */
export interface ContactIdentity {
  id: string;
  email: string;
  userId: string | null;
  [k: string]: unknown;
}
/**
 * One email to one recipient
 */
export interface Email {
  /**
   * The unique ID of the email
   */
  id: string;
  /**
   * The ID of the sent version
   */
  emailMessageId: string;
  subject: string;
  [k: string]: unknown;
}
export interface MailingList {
  id: string;
  name: string;
  description?: string | null;
  isPublic: boolean;
  [k: string]: unknown;
}
export interface ContactCreatedPayload {
  /**
   * The event type
   */
  eventName: string;
  /**
   * When it occurred, Unix time in seconds
   */
  eventTime: number;
  webhookSchemaVersion: '1.0.0';
  contactIdentity: ContactIdentity;
  contact: Contact;
  [k: string]: unknown;
}
/**
 * A contact with all its properties, custom ones at the same level
 */
export interface Contact {
  id: string;
  email: string;
  firstName?: string | null;
  lastName?: string | null;
  source?: string;
  subscribed: boolean;
  userGroup?: string;
  userId?: string | null;
  /**
   * IDs of mailing lists that the contact is subscribed to
   */
  mailingLists?: {
    [k: string]: true;
  };
  optInStatus?: string | null;
  notes?: string | null;
  [k: string]: unknown;
}
export interface ContactMailingListPayload {
  /**
   * The event type
   */
  eventName: string;
  /**
   * When it occurred, Unix time in seconds
   */
  eventTime: number;
  webhookSchemaVersion: '1.0.0';
  contactIdentity: ContactIdentity;
  mailingList: MailingList;
  [k: string]: unknown;
}
export interface ContactPayload {
  /**
   * The event type
   */
  eventName: string;
  /**
   * When it occurred, Unix time in seconds
   */
  eventTime: number;
  webhookSchemaVersion: '1.0.0';
  contactIdentity: ContactIdentity;
  [k: string]: unknown;
}
export interface EmailActionJson {
  /**
   * The event type
   */
  eventName: string;
  /**
   * When it occurred, Unix time in seconds
   */
  eventTime: number;
  webhookSchemaVersion: '1.0.0';
  sourceType: 'campaign' | 'loop';
  campaignId?: string;
  loopId?: string;
  email: Email;
  contactIdentity: ContactIdentity;
  mailingList?: MailingList;
  [k: string]: unknown;
}
export interface EmailEventJson {
  /**
   * The event type
   */
  eventName: string;
  /**
   * When it occurred, Unix time in seconds
   */
  eventTime: number;
  webhookSchemaVersion: '1.0.0';
  sourceType: 'campaign' | 'loop' | 'transactional';
  campaignId?: string;
  loopId?: string;
  transactionalId?: string;
  email: Email;
  contactIdentity: ContactIdentity;
  [k: string]: unknown;
}
export interface LoopEmailSentPayload {
  /**
   * The event type
   */
  eventName: string;
  /**
   * When it occurred, Unix time in seconds
   */
  eventTime: number;
  webhookSchemaVersion: '1.0.0';
  contactIdentity: ContactIdentity;
  loopId: string;
  loopName?: string;
  email: Email;
  mailingLists?: MailingList[];
  [k: string]: unknown;
}
export interface TestingPayload {
  /**
   * The event type
   */
  eventName: string;
  /**
   * When it occurred, Unix time in seconds
   */
  eventTime: number;
  webhookSchemaVersion: '1.0.0';
  message: string;
  [k: string]: unknown;
}
export interface TransactionalEmailSentPayload {
  /**
   * The event type
   */
  eventName: string;
  /**
   * When it occurred, Unix time in seconds
   */
  eventTime: number;
  webhookSchemaVersion: '1.0.0';
  contactIdentity: ContactIdentity;
  transactionalId: string;
  transactionalName?: string;
  email: Email;
  [k: string]: unknown;
}
