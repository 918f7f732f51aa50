/** Longest source of one expression, in UTF-16 code units. */
export const maxSourceLength = 4096;

/** Longest source that a structured condition may compile to: what people write is bounded by {@link maxSourceLength}. */
export const maxConditionLength = 32_768;

/** Deepest nesting of an expression's tree. */
export const maxTreeDepth = 128;

/** Most nodes in an expression's tree, with what its macros expand to. */
export const maxTreeNodes = 10_000;

/** Longest regular expression. */
export const maxPatternLength = 512;

/**
 * Units of work that one evaluation, or one rendering of a template, may spend. A unit is an iteration, a call or a
 * visited value, and takes some microseconds.
 */
export const evaluationBudget = 200_000;

/** Deepest nesting of a template and of a structured condition. */
export const maxTemplateDepth = 64;

/** Compiled expressions kept; the least recently used one makes room. */
export const cachedExpressions = 2_000;
