/** Whether this is a phone, or as narrow as one: as in the styles. */
export const isNarrow = () => window.matchMedia('(max-width: 760px)').matches;
