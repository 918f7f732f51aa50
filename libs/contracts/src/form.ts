import { Form } from './gen/q2/options/v1/options_pb.js';

interface FormRule {
  readonly pattern: RegExp;
  readonly description: string;
  /** A value of this form, for tests generated from the descriptors. */
  readonly example: string;
}

/** SemVer 2.0's own suggested expression, https://semver.org, anchored and without captures. */
const semver =
  /^(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/;

const forms: Readonly<Record<Exclude<Form, Form.UNSPECIFIED | Form.TIME_ZONE>, FormRule>> = {
  [Form.ID]: {
    pattern: /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    description: 'must be an id: 1 to 63 lowercase letters, digits and hyphens, beginning with a letter and not ending with a hyphen',
    example: 'an-id',
  },
  [Form.UUID]: {
    pattern: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
    description: 'must be a UUID such as 018f2f4e-9d2a-7c3b-8a1f-0123456789ab',
    example: '018f2f4e-9d2a-7c3b-8a1f-0123456789ab',
  },
  [Form.SEMVER]: { pattern: semver, description: 'must be a semantic version such as 1.4.0 or 2.0.0-rc.1', example: '1.0.0' },
  [Form.SHA256]: {
    pattern: /^[0-9a-f]{64}$/,
    description: 'must be a SHA-256 of 64 lowercase hexadecimal digits',
    example: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  },
  [Form.FILE_NAME]: {
    pattern: /^(?!\.{1,2}$)[^/\\\p{Cc}]{1,255}$/u,
    description: 'must be a file name of 1 to 255 characters without slashes or control characters',
    example: 'model.onnx',
  },
  [Form.METRIC_NAME]: {
    pattern: /^[a-zA-Z_][a-zA-Z0-9_.]{0,254}$/,
    description: 'must be a metric or label name: letters, digits, underscores and dots, not beginning with a digit',
    example: 'latency_ms',
  },
  [Form.EVENT_TYPE]: {
    pattern: /^[a-zA-Z][a-zA-Z0-9_-]*(?:\.[a-zA-Z0-9_-]+)+$/,
    description: 'must be a qualified event type such as q2.models.events.v1.VersionPromoted',
    example: 'q2.models.events.v1.VersionPromoted',
  },
  [Form.PERMISSION]: {
    pattern: /^[a-z][a-z0-9-]*\.[a-z][a-zA-Z0-9-]*\.[a-z][a-zA-Z0-9-]*$/,
    description: 'must be a permission such as models.versions.promote',
    example: 'models.versions.promote',
  },
  [Form.LINE]: { pattern: /^[^\p{Cc}]*$/u, description: 'must be one line without control characters', example: 'A line' },
  [Form.RESOURCE_NAME]: {
    pattern: /^[A-Za-z0-9][A-Za-z0-9._~+-]*(?:\/[A-Za-z0-9][A-Za-z0-9._~+-]*)+$/,
    description: 'must be a resource name such as tenants/acme/models/churn',
    example: 'tenants/acme/models/churn',
  },
};

/** What is wrong with `value` as a string of this form, or undefined where nothing is. */
export function formProblem(form: Form, value: string): string | undefined {
  if (form === Form.UNSPECIFIED) return undefined;
  if (form === Form.TIME_ZONE) return isTimeZone(value) ? undefined : 'must be an IANA time zone such as Europe/Berlin';
  const rule = forms[form];
  return rule.pattern.test(value) ? undefined : rule.description;
}

/** A value of this form, for requests that tests generate. */
export function formExample(form: Form): string {
  if (form === Form.UNSPECIFIED) return 'text';
  return form === Form.TIME_ZONE ? 'Europe/Berlin' : forms[form].example;
}

const zones = new Set([...Intl.supportedValuesOf('timeZone'), 'UTC', 'Etc/UTC', 'GMT']);

/** Links such as Asia/Calcutta are not listed but resolve, so what the list lacks is tried. */
function isTimeZone(value: string): boolean {
  if (zones.has(value)) return true;
  if (!/^[A-Za-z]+(?:\/[A-Za-z0-9_+-]+)+$/.test(value)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
