/** What the comments of a contract say, by the full name of what they stand above: messages, fields, enums and their values. */
export type Comments = ReadonlyMap<string, string>;

/**
 * Reads the comments out of a contract's text: generated descriptors don't carry them. Relies on the form that the formatter of
 * contracts gives them: one declaration a line, comments on the lines above.
 */
export function protoComments(text: string): Map<string, string> {
  const comments = new Map<string, string>();
  const scope: string[] = [];
  let above: string[] = [];
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    const comment = /^\/\/ ?(.*)$/.exec(line)?.[1];
    if (comment !== undefined) {
      above.push(comment);
      continue;
    }
    const name = declaredName(line);
    if (line.startsWith('package ')) scope.push(line.slice('package '.length, -1));
    else if (name !== undefined && above.length > 0) comments.set([...scope, name.name].filter(Boolean).join('.'), above.join(' '));
    above = [];
    enterOrLeave(line, name, scope);
  }
  return comments;
}

interface Declared {
  readonly name: string;
  /** Whether what follows in braces is inside of it. */
  readonly isScope: boolean;
}

function declaredName(line: string): Declared | undefined {
  const block = /^(?:message|enum|oneof) (\w+) \{/.exec(line)?.[1];
  if (block !== undefined) return { name: block, isScope: !line.startsWith('oneof') };
  const field =
    /^(?:(?:repeated|optional) )?(?:map<[\w., ]+>|[\w.]+) (\w+) = \d+/.exec(line)?.[1] ?? /^([A-Z][A-Z0-9_]*) = \d+/.exec(line)?.[1];
  return field === undefined ? undefined : { name: field, isScope: false };
}

/** Braces of options and oneofs add nothing to the names inside of them. */
function enterOrLeave(line: string, declared: Declared | undefined, scope: string[]): void {
  for (const brace of line.match(/[{}]/g) ?? []) {
    if (brace === '}') scope.pop();
    else scope.push(declared?.isScope === true ? declared.name : '');
  }
}
