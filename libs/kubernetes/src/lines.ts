/** Longest line that is given whole, in characters; the rest of a longer one is left out. */
export const longestLine = 65_536;

/** Splits a stream of bytes into lines, the last one too where it does not end. `limit` characters of each are kept. */
export async function* linesOf(chunks: AsyncIterable<Buffer>, limit = Number.POSITIVE_INFINITY): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = (parts.pop() ?? '').slice(0, limit);
    for (const part of parts) yield part.slice(0, limit);
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
