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
