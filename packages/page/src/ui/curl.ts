interface Request {
  headers: Record<string, string>;
  body: string;
}

/** Says how a request travelled: curl says it anew. */
const OF_THE_WAY = /^(host|connection|content-length|transfer-encoding|accept-encoding)$/i;

/** A request as a command for a shell. */
export function asCurl(method: string, url: string, { headers, body }: Request): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = Object.entries(headers)
    .filter(([name]) => !OF_THE_WAY.test(name))
    .map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
  return [`curl -X ${method}`, quote(url), ...lines, ...(body === '' ? [] : [`--data-raw ${quote(body)}`])].join(
    ' \\\n  ',
  );
}
