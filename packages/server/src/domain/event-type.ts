/** What the product declares of one kind of event, in a contract whose triggers are free. */
export interface EventType {
  /** The trigger. */
  name: string;
  /** Raised by every change of the schema. */
  version: number;
  label: string;
  description: string;
  /** JSON Schema of the payload, as JSON text; null: it may be anything. */
  schema: string | null;
  /** A payload as JSON text. */
  sample: string | null;
  /** It is still sent, and should not be subscribed to any more. */
  deprecated: boolean;
  createdAt: Date;
  updatedAt: Date;
}

/** A schema that a type has had. */
export interface EventTypeVersion {
  version: number;
  schema: string | null;
  createdAt: Date;
}
