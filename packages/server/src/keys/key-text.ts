import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * The text of an API key: `<prefix>_<30 characters><6 characters>`. The last six are a checksum of what is before them,
 * so that scanners and clients can tell a key from a typing error without asking anybody.
 */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 30 of 62 characters: 178 bits. */
const RANDOM_LENGTH = 30;
const CHECKSUM_LENGTH = 6;
const SHOWN_RANDOM = 4;
const FORM = /^[a-z0-9_]{1,16}_([0-9A-Za-z]{30})([0-9A-Za-z]{6})$/;
/** Bytes above this would favour some characters. */
const UNBIASED_BELOW = 256 - (256 % ALPHABET.length);

export function generateKey(prefix: string): string {
  let random = '';
  while (random.length < RANDOM_LENGTH) {
    for (const byte of randomBytes(RANDOM_LENGTH)) {
      if (byte < UNBIASED_BELOW && random.length < RANDOM_LENGTH) random += ALPHABET[byte % ALPHABET.length];
    }
  }
  const head = `${prefix}_${random}`;
  return head + checksum(head);
}

/** Whether the text has the form of a key and its checksum is right. Says nothing about whether it exists. */
export function isKeyText(text: string): boolean {
  return FORM.test(text) && checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH);
}

/** The beginning of a key: enough to recognise it, not to use it. */
export function shownPrefix(key: string): string {
  return key.slice(0, key.length - RANDOM_LENGTH - CHECKSUM_LENGTH + SHOWN_RANDOM);
}

/** What is stored. A plain hash is enough: there is nothing to guess in 178 random bits. */
export function digestOfKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function checksum(head: string): string {
  let rest = crc32(head);
  let text = '';
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    text = ALPHABET[rest % ALPHABET.length] + text;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}
