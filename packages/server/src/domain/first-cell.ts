/** The cell whose database knows where all accounts live: the one of DATABASE_URL. */
export const FIRST = 'first';
