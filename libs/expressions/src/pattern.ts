import { RE2JS } from '@bufbuild/re2';
import { maxPatternLength } from './limits.js';
import { Lru } from './lru.js';

const patterns = new Lru<RE2JS>(500, (pattern) => {
  if (pattern.length > maxPatternLength) throw new Error(`a regular expression has at most ${maxPatternLength} characters`);
  return RE2JS.compile(pattern);
});

/**
 * Compiles a regular expression of RE2's syntax, whose matching takes time linear in the text.
 *
 * @throws {Error} where the pattern is malformed or too long; within an evaluation that becomes EXPRESSION_FAILED
 */
export function compilePattern(pattern: string): RE2JS {
  return patterns.get(pattern);
}
