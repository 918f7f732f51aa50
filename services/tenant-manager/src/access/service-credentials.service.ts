import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { ProcessContext } from '@q2/service-kit';
import { hashSecret, secretMatches } from './api-key.js';

const serviceName = /^[a-z][a-z0-9-]{0,62}$/;
/** Shorter secrets are refused: a file that is empty or still being written opens nothing. */
const leastSecretCharacters = 32;

/** The credentials by which the platform's own services prove themselves: a file for each, made by who deploys them. */
@Injectable()
export class ServiceCredentials {
  private readonly directory: string;

  constructor(@Inject(ProcessContext) { settings }: ProcessContext) {
    this.directory = settings.Q2_SERVICE_KEYS_DIRECTORY;
  }

  /** Tells whether a secret is that of a service. The file is read anew each time, so that a changed one holds at once. */
  async opens(service: string, secret: string): Promise<boolean> {
    if (!serviceName.test(service)) return false;
    const expected = await this.findSecret(service);
    return expected !== undefined && secretMatches(secret, hashSecret(expected));
  }

  private async findSecret(service: string): Promise<string | undefined> {
    try {
      const secret = (await readFile(join(this.directory, `${service}.key`), 'utf8')).trim();
      return secret.length < leastSecretCharacters ? undefined : secret;
    } catch {
      return undefined;
    }
  }
}
