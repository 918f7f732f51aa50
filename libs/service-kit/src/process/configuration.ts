import { z } from 'zod';
import { ConfigurationError } from './configuration-error.js';
import { kafkaSettings } from './kafka-settings.js';
import { hostAndPort, wholeNumber } from './setting-forms.js';

export { ConfigurationError } from './configuration-error.js';
export { wholeNumber } from './setting-forms.js';

/**
 * Reads typed settings from environment variables. An empty variable counts as unset.
 *
 * @throws {ConfigurationError} with all problems at once, each naming its variable
 */
export function configuration<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  environment: NodeJS.ProcessEnv = process.env,
): z.infer<z.ZodObject<Shape>> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigurationError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
}

/** Where another service is reached; by default in this process. */
const peerAddress = (service: string) =>
  z
    .string()
    .regex(
      /^(dns:\/\/\/)?[^\s:,]+:\d{1,5}$|^([^\s:,]+|\[[0-9a-f:]+\]):\d{1,5}(,([^\s:,]+|\[[0-9a-f:]+\]):\d{1,5})*$/i,
      'must be host:port, several of them with commas between, or dns:///host:port',
    )
    .optional()
    .describe(`gRPC addresses of ${service}, all of them used in turn; by default this process`);

/** What every process of the platform can be told. */
export const processSettings = z.object({
  GRPC_ADDRESS: hostAndPort.default('127.0.0.1:50051').describe('Address of the gRPC port'),
  HTTP_ADDRESS: hostAndPort.default('127.0.0.1:8080').describe('Address of the port with /livez, /readyz and /metrics'),
  GRPC_MAX_MESSAGE_BYTES: wholeNumber({ min: 65_536, max: 1_073_741_824, fallback: 16_777_216 }).describe('Largest gRPC message accepted'),
  GRPC_MAX_CALLS: wholeNumber({ min: 1, max: 100_000, fallback: 1_000 }).describe('Unary calls served at once; more are refused'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres:// or postgresql://')
    .optional()
    .describe('PostgreSQL server; without it an embedded one runs'),
  DATABASE_POOL_SIZE: wholeNumber({ min: 2, max: 200, fallback: 10 }).describe('Connections of each service'),
  ...kafkaSettings.shape,
  TENANT_MANAGER_ADDRESS: peerAddress('tenant-manager'),
  MODEL_REGISTRY_ADDRESS: peerAddress('model-registry'),
  AB_TESTING_ADDRESS: peerAddress('ab-testing'),
  MONITORING_ADDRESS: peerAddress('monitoring'),
  WORKFLOW_ORCHESTRATOR_ADDRESS: peerAddress('workflow-orchestrator'),
  SCHEDULER_ADDRESS: peerAddress('scheduler'),
  Q2_SERVICE_KEYS_DIRECTORY: z.string().min(1).default('.q2/keys').describe('Folder with the key that each service proves itself by'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info').describe('Least level that is logged'),
  LOG_FILE: z.string().min(1).optional().describe('File that logs go to; by default standard output'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url('must be a URL').optional().describe('OpenTelemetry collector that traces go to'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number('must be a number from 0 to 1')
    .min(0)
    .max(1)
    .default(1)
    .describe('Share of the traces begun here that are recorded; callers that trace decide themselves'),
  SHUTDOWN_DELAY_MS: wholeNumber({ min: 0, max: 600_000, fallback: 0 }).describe(
    'How long a process that was told to stop still serves as not ready, so that balancers notice',
  ),
  SHUTDOWN_TIMEOUT_MS: wholeNumber({ min: 100, max: 600_000, fallback: 15_000 }).describe(
    'Longest time that calls in flight get to finish',
  ),
});

export type ProcessSettings = z.infer<typeof processSettings>;
