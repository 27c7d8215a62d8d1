/** JSON in lines and indents, without writing its values again: numbers and escapes stay as they were sent. */
export function prettyJson(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let out = '';
  let depth = 0;
  let isOpen = false;
  const newLine = () => `\n${'  '.repeat(depth)}`;
  for (const token of text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? []) {
    if (token === '}' || token === ']') {
      depth--;
      out += isOpen ? token : newLine() + token;
      isOpen = false;
      continue;
    }
    if (isOpen) out += newLine();
    isOpen = token === '{' || token === '[';
    if (isOpen) depth++;
    out += token === ',' ? token + newLine() : token === ':' ? ': ' : token;
  }
  return out;
}
