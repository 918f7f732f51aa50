import { wholeNumber } from '@q2/service-kit';
import { z } from 'zod';

/** What tenant-manager can be told, besides what every process can. */
export const tenantManagerSettings = z.object({
  Q2_TOKEN_LIFETIME_SECONDS: wholeNumber({ min: 30, max: 900, fallback: 900 }).describe('How long an access token is valid'),
  Q2_SIGNING_KEY_DAYS: wholeNumber({ min: 1, max: 365, fallback: 30 }).describe(
    'How long a key signs access tokens before the next one does',
  ),
  Q2_OPERATOR_KEY_FILE: z
    .string()
    .min(1)
    .optional()
    .describe('File with the first operator key, which a tenant-manager in a process of its own makes known; made where it is missing'),
});

/** The settings, as providers ask for them. */
export abstract class TenantManagerSettings {
  abstract readonly Q2_TOKEN_LIFETIME_SECONDS: number;
  abstract readonly Q2_SIGNING_KEY_DAYS: number;
}
