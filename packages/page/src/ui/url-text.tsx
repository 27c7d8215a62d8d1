/** What tells an address from the others of the same server, in a word: its path. */
export function nameOfUrl(url: string): string {
  if (!URL.canParse(url)) return url;
  const { host, pathname, search } = new URL(url);
  return pathname === '/' && search === '' ? host : pathname + search;
}

/**
 * An address without the `https://` that all of them begin with. Where there is no room it is cut in the middle, because
 * addresses differ in how they end; the whole of it on hover.
 */
export function UrlText({ url }: { url: string }) {
  const text = url.replace(/^https:\/\//, '');
  const at = text.lastIndexOf('/');
  const isCut = at > 0 && at < text.length - 1;
  return (
    <span className="url" title={url}>
      <span>{isCut ? text.slice(0, at) : text}</span>
      {isCut && <span className="tail">{text.slice(at)}</span>}
    </span>
  );
}
