import { getOption, hasOption, ScalarType, type DescEnum, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { isReflectMessage, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { field as fieldOption, type FieldRules } from './gen/q2/options/v1/options_pb.js';
import { compileString } from './string-check.js';
import { compileWellKnown } from './well-known-check.js';
import type { Findings } from './findings.js';

export type FieldCheck = (message: ReflectMessage, path: string, findings: Findings) => void;
export type NestedCheck = (message: ReflectMessage, path: string, findings: Findings) => void;
/** Checks one value; the value's type follows from the descriptor that the check was compiled from. */
type ValueCheck = (value: unknown, path: string, findings: Findings) => void;

/** The bounds that a field's contract states, if any. */
export function fieldRules(field: DescField): FieldRules | undefined {
  return hasOption(field, fieldOption) ? getOption(field, fieldOption) : undefined;
}

/** Compiles the check of one field, all kinds and cardinalities. */
export function compileField(field: DescField, nested: NestedCheck): FieldCheck {
  const rules = fieldRules(field);
  if (rules?.outputOnly) return () => undefined;
  switch (field.fieldKind) {
    case 'list': {
      const element = compileValue(elementOf(field), rules?.items, nested);
      return (message, path, findings) => {
        const list = message.get(field);
        checkSize(list.size, rules, { path, findings });
        let index = 0;
        for (const item of list) element(item, `${path}[${index++}]`, findings);
      };
    }
    case 'map': {
      const value = compileValue(elementOf(field), rules?.items, nested);
      const key = compileValue({ kind: 'scalar', scalar: field.mapKey }, rules?.keys, nested);
      return (message, path, findings) => {
        const map = message.get(field);
        checkSize(map.size, rules, { path, findings });
        for (const [name, item] of map) {
          key(name, `${path} key`, findings);
          value(item, `${path}[${String(name).slice(0, 64)}]`, findings);
        }
      };
    }
    default:
      return compileSingular(field, rules, nested);
  }
}

function compileSingular(field: DescField, rules: FieldRules | undefined, nested: NestedCheck): FieldCheck {
  const check = compileValue(elementOf(field), rules, nested);
  const isRequired = rules?.required === true;
  return (message, path, findings) => {
    if (message.isSet(field)) check(message.get(field), path, findings);
    else if (isRequired) findings.violations.push({ field: path, description: 'must be set' });
  };
}

type Element = { kind: 'scalar'; scalar: ScalarType } | { kind: 'enum'; enum: DescEnum } | { kind: 'message'; message: DescMessage };

function elementOf(field: DescField): Element {
  if (field.enum) return { kind: 'enum', enum: field.enum };
  if (field.message) return { kind: 'message', message: field.message };
  return { kind: 'scalar', scalar: field.scalar };
}

function compileValue(element: Element, rules: FieldRules | undefined, nested: NestedCheck): ValueCheck {
  if (element.kind === 'message') {
    const wellKnown = compileWellKnown(element.message, rules);
    return (value, path, findings) => {
      if (wellKnown) wellKnown(value, path, findings);
      else if (isReflectMessage(value)) nested(value, path, findings);
    };
  }
  if (element.kind === 'enum') return compileEnum(element.enum);
  if (element.scalar === ScalarType.STRING) return compileString(rules);
  if (element.scalar === ScalarType.BYTES) return compileBytes(rules);
  return element.scalar === ScalarType.BOOL ? () => undefined : compileNumber(rules);
}

function compileEnum(schema: DescEnum): ValueCheck {
  const names = schema.values.filter((value) => value.number !== 0).map((value) => value.name);
  return (value, path, findings) => {
    if (typeof value === 'number' && schema.value[value]) return;
    findings.violations.push({ field: path, description: `must be one of ${names.join(', ')}, got ${String(value)}` });
  };
}

function compileBytes(rules: FieldRules | undefined): ValueCheck {
  const max = rules?.maxLength ?? 0;
  const min = rules?.minLength ?? 0;
  return (value, path, findings) => {
    const bytes = value instanceof Uint8Array ? value.byteLength : 0;
    if (bytes < min) findings.violations.push({ field: path, description: `must have at least ${min} bytes, got ${bytes}` });
    if (bytes > max) findings.violations.push({ field: path, description: `must have at most ${max} bytes, got ${bytes}` });
  };
}

function compileNumber(rules: FieldRules | undefined): ValueCheck {
  const { min, max } = rules ?? {};
  return (value, path, findings) => {
    if (typeof value !== 'number' && typeof value !== 'bigint') return;
    const problem = numberProblem(value, min, max);
    if (problem) findings.violations.push({ field: path, description: `${problem}, got ${value}` });
  };
}

function numberProblem(value: number | bigint, min: number | undefined, max: number | undefined): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return 'must be a finite number';
  if (min !== undefined && value < min) return `must be at least ${min}`;
  return max !== undefined && value > max ? `must be at most ${max}` : undefined;
}

function checkSize(size: number, rules: FieldRules | undefined, at: { path: string; findings: Findings }): void {
  const min = Math.max(rules?.minItems ?? 0, rules?.required ? 1 : 0);
  const max = rules?.maxItems ?? 0;
  if (size < min) at.findings.violations.push({ field: at.path, description: `must have at least ${min} elements, got ${size}` });
  if (size > max) at.findings.violations.push({ field: at.path, description: `must have at most ${max} elements, got ${size}` });
}
