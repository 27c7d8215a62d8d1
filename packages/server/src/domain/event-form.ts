/** What accounts and events may be called, wherever they come from. */

export const ACCOUNT_ID_LENGTH_MAX = 128;
/** Not of dots alone: in a path they lead somewhere else. */
export const ACCOUNT_ID_PATTERN = '^\\.*[A-Za-z0-9_:-][A-Za-z0-9_.:-]*$';
/** No dots: Standard Webhooks signs `id.timestamp.body`, and an id with a dot could stand for another message. */
export const EVENT_ID_PATTERN = '^[A-Za-z0-9_:-]{1,128}$';
export const TRIGGER_LENGTH_MAX = 256;
