import { join } from 'node:path';
import { InvalidArgument } from '@q2/errors';

const tenantForm = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
const sha256Form = /^[0-9a-f]{64}$/;

/** The folder of one tenant. Its id is checked here whatever was checked before: a folder is a boundary between tenants. */
function tenantFolder(root: string, tenant: string): string {
  if (!isTenant(tenant)) throw InvalidArgument.field('tenant', `must be a tenant's id, got '${tenant}'`);
  return join(root, tenant);
}

/** Where objects lie that are complete. */
export function objectsFolder(root: string, tenant: string): string {
  return join(tenantFolder(root, tenant), 'objects');
}

/** Where contents lie that are still arriving: on the same file system, so that the move is atomic. */
export function incomingFolder(root: string, tenant: string): string {
  return join(tenantFolder(root, tenant), 'incoming');
}

/** The file of one object, in one of 256 folders by the first byte of its SHA-256. */
export function objectFile(root: string, tenant: string, sha256: string): string {
  if (!isSha256(sha256)) throw InvalidArgument.field('sha256', `must be 64 lowercase hexadecimal digits, got '${sha256}'`);
  return join(objectsFolder(root, tenant), sha256.slice(0, 2), sha256);
}

export function isTenant(text: string): boolean {
  return tenantForm.test(text);
}

export function isSha256(text: string): boolean {
  return sha256Form.test(text);
}
