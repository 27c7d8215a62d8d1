/** The token of the sign-in link, that works once: for all processes of a server together. */
export interface OneTimeToken {
  readonly value: string;
  /** False when it has been used. */
  take(): Promise<boolean>;
  /** What it was taken for has failed. */
  giveBack(): Promise<void>;
}

export function oneTimeToken(value: string): OneTimeToken {
  let isUsed = false;
  return {
    value,
    async take() {
      const isFirst = !isUsed;
      isUsed = true;
      return isFirst;
    },
    async giveBack() {
      isUsed = false;
    },
  };
}
