/** An address without the `https://` that all of them begin with; the whole of it on hover. */
export function UrlText({ url }: { url: string }) {
  return <span title={url}>{url.replace(/^https:\/\//, '')}</span>;
}
