import { UnprocessableEvent, type BusRecord } from '@q2/events';
import { z } from 'zod';

/** What the headers of a record from outside say. */
export interface IngressHeaders {
  readonly id: string;
  readonly source: string;
  /** Which message the body is. */
  readonly type: string;
  readonly tenant: string;
  /** Access token or API key. */
  readonly credential: string;
  readonly subject: string | undefined;
  readonly time: Date | undefined;
}

/** What a header must be: in words, and as a test. */
interface HeaderRule {
  readonly allowed: string;
  readonly pattern: RegExp;
}

const required = {
  ce_specversion: { allowed: 'must be 1.0', pattern: /^1\.0$/ },
  ce_id: { allowed: 'must be 1 to 200 characters without control characters, unique within ce_source', pattern: /^\P{Cc}{1,200}$/u },
  ce_source: { allowed: 'must be 1 to 200 characters without spaces, such as /shop/checkout', pattern: /^[^\s\p{Cc}]{1,200}$/u },
  ce_type: { allowed: 'must name the message that the body is', pattern: /^[A-Za-z][\w.-]{0,199}$/ },
  q2_tenant: {
    allowed: 'must be the id of a tenant, such as acme: lowercase letters, digits and hyphens',
    pattern: /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
  },
  authorization: { allowed: 'must be Bearer, a space, and an access token or an API key', pattern: /^bearer \S{1,8192}$/i },
  'content-type': { allowed: 'must be application/json', pattern: /^application\/json(\s*;\s*charset=utf-8)?$/i },
} satisfies Record<string, HeaderRule>;

const optional = {
  ce_subject: { allowed: 'must be 1 to 200 characters without control characters', pattern: /^\P{Cc}{1,200}$/u },
  ce_time: { allowed: 'must be an RFC 3339 time such as 2026-05-01T09:30:00Z', pattern: z.regexes.datetime({ offset: true }) },
} satisfies Record<string, HeaderRule>;

const keyRule: HeaderRule = { allowed: 'must be at most 400 characters without control characters', pattern: /^\P{Cc}{0,400}$/u };

/** Every header that means something, for documentation. */
export const ingressHeaders: readonly { readonly name: string; readonly allowed: string; readonly isRequired: boolean }[] = [
  ...Object.entries(required).map(([name, { allowed }]) => ({ name, allowed, isRequired: true })),
  ...Object.entries(optional).map(([name, { allowed }]) => ({ name, allowed, isRequired: false })),
];

/**
 * Reads the headers of a record: CloudEvents 1.0 in binary mode, tenant and credential. Other headers mean nothing.
 *
 * @throws {UnprocessableEvent} HEADERS_INVALID naming each header that is missing or malformed, and what it must be; never its value
 */
export function readHeaders({ headers, key }: BusRecord): IngressHeaders {
  const problems = [
    ...Object.entries(required).flatMap(([name, rule]) => problemOf(name, headers[name] ?? '', rule)),
    ...Object.entries(optional).flatMap(([name, rule]) => (headers[name] === undefined ? [] : problemOf(name, headers[name], rule))),
    ...problemOf('key', key, keyRule),
  ];
  if (problems.length > 0) throw new UnprocessableEvent('HEADERS_INVALID', problems.join('; '));
  const { ce_id: id = '', ce_source: source = '', ce_type: type = '', q2_tenant: tenant = '', authorization = '' } = headers;
  const { ce_subject: subject, ce_time: time } = headers;
  const credential = authorization.slice('bearer '.length);
  return { id, source, type, tenant, credential, subject, time: time === undefined ? undefined : new Date(time) };
}

function problemOf(name: string, value: string, { pattern, allowed }: HeaderRule): string[] {
  return pattern.test(value) ? [] : [`${name}: ${allowed}`];
}
