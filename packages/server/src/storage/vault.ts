import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface Sealed {
  keyId: string;
  ciphertext: Buffer;
}

/**
 * Encrypts secrets at rest: AES-256-GCM, a random nonce each, the row's identity as associated data. The first master
 * key seals; the others only open what they once sealed, so that a key can be replaced row by row.
 */
export class Vault {
  private readonly keys = new Map<string, Buffer>();
  private readonly current: string;

  /** @param masterKeys 32 bytes each, the current one first */
  constructor(masterKeys: readonly [Buffer, ...Buffer[]]) {
    for (const key of masterKeys) this.keys.set(keyIdOf(key), key);
    this.current = keyIdOf(masterKeys[0]);
  }

  get currentKeyId(): string {
    return this.current;
  }

  holds(keyId: string): boolean {
    return this.keys.has(keyId);
  }

  seal(plain: string, identity: string): Sealed {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.keyFor(this.current), nonce).setAAD(Buffer.from(identity));
    const sealed = Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final()]);
    return { keyId: this.current, ciphertext: Buffer.concat([sealed, cipher.getAuthTag()]) };
  }

  /** @throws when the key is unknown, or the ciphertext was changed or belongs to another row */
  open({ keyId, ciphertext }: Sealed, identity: string): string {
    const tagAt = ciphertext.length - TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', this.keyFor(keyId), ciphertext.subarray(0, NONCE_BYTES))
      .setAAD(Buffer.from(identity))
      .setAuthTag(ciphertext.subarray(tagAt));
    return decipher.update(ciphertext.subarray(NONCE_BYTES, tagAt), undefined, 'utf8') + decipher.final('utf8');
  }

  private keyFor(keyId: string): Buffer {
    const key = this.keys.get(keyId);
    if (!key) throw new Error(`A secret is sealed with master key ${keyId}, which POSTHORN_MASTER_KEY does not hold.`);
    return key;
  }
}

/** Names a key without giving it away. */
function keyIdOf(key: Buffer): string {
  return createHash('sha256').update('posthorn master key').update(key).digest('hex').slice(0, 12);
}
