import { configuration, wholeNumber, type ProcessContext } from '@q2/service-kit';
import { z } from 'zod';

const mebibyte = 1024 * 1024;

/** What the registry can be told. */
export const registrySettings = z.object({
  Q2_ARTIFACTS_DIRECTORY: z.string().min(1).default('.q2/artifacts').describe('Folder that artifacts are stored in'),
  ARTIFACT_MAX_BYTES: wholeNumber({ min: 1, max: 1024 ** 4, fallback: 10 * 1024 * mebibyte }).describe('Largest artifact accepted'),
  MODEL_MEMORY_BYTES: wholeNumber({ min: mebibyte, max: 1024 ** 4, fallback: 512 * mebibyte }).describe(
    'Memory that loaded models may take together',
  ),
  MODEL_LEASES_PER_TENANT: wholeNumber({ min: 1, max: 100_000, fallback: 1_000 }).describe(
    'Leases on loaded models that a tenant may hold at once',
  ),
});

/** The settings as read, for injection. */
export abstract class RegistrySettings {
  abstract readonly artifactsDirectory: string;
  abstract readonly artifactMaxBytes: number;
  abstract readonly modelMemoryBytes: number;
  abstract readonly leasesPerTenant: number;
}

/** Reads them from the process's environment variables. */
export function readRegistrySettings({ environment }: Pick<ProcessContext, 'environment'>): RegistrySettings {
  const settings = configuration(registrySettings, environment);
  return {
    artifactsDirectory: settings.Q2_ARTIFACTS_DIRECTORY,
    artifactMaxBytes: settings.ARTIFACT_MAX_BYTES,
    modelMemoryBytes: settings.MODEL_MEMORY_BYTES,
    leasesPerTenant: settings.MODEL_LEASES_PER_TENANT,
  };
}
