import { experiments, models, monitoring, schedules, tenants, workflows } from '@q2/contracts';
import { ServiceClients, type ProcessSettings } from '@q2/service-kit';

/** The settings that say where services are. */
type PeerSettings = Pick<
  ProcessSettings,
  | 'TENANT_MANAGER_ADDRESS'
  | 'MODEL_REGISTRY_ADDRESS'
  | 'AB_TESTING_ADDRESS'
  | 'MONITORING_ADDRESS'
  | 'WORKFLOW_ORCHESTRATOR_ADDRESS'
  | 'SCHEDULER_ADDRESS'
>;

/** One call that a service must answer: it proves the network, the token, the database, and the contract. */
interface Check {
  readonly service: string;
  readonly setting: keyof PeerSettings;
  readonly call: (clients: ServiceClients) => Promise<unknown>;
}

const parent = 'tenants/platform';

const checks: readonly Check[] = [
  {
    service: 'tenant-manager',
    setting: 'TENANT_MANAGER_ADDRESS',
    call: (clients) => clients.get(tenants.TenantService).listTenants({ parent, pageSize: 1 }),
  },
  {
    service: 'model-registry',
    setting: 'MODEL_REGISTRY_ADDRESS',
    call: (clients) => clients.get(models.ModelService).listModels({ parent, pageSize: 1 }),
  },
  {
    service: 'ab-testing',
    setting: 'AB_TESTING_ADDRESS',
    call: (clients) => clients.get(experiments.ExperimentService).listExperiments({ parent, pageSize: 1 }),
  },
  {
    service: 'monitoring',
    setting: 'MONITORING_ADDRESS',
    call: (clients) => clients.get(monitoring.MonitorService).listMonitors({ parent, pageSize: 1 }),
  },
  {
    service: 'workflow-orchestrator',
    setting: 'WORKFLOW_ORCHESTRATOR_ADDRESS',
    call: (clients) => clients.get(workflows.WorkflowService).listWorkflows({ parent, pageSize: 1 }),
  },
  {
    service: 'scheduler',
    setting: 'SCHEDULER_ADDRESS',
    call: (clients) => clients.get(schedules.TriggerService).listTriggers({ parent, pageSize: 1 }),
  },
];

/** What came of the call to one service. */
export interface CheckResult {
  readonly service: string;
  /** Why it failed; undefined where it answered. */
  readonly problem: string | undefined;
}

/**
 * Signs in with the operator's key and makes one real call to each service, as a program of a customer would.
 *
 * @throws {DomainError | Error} where the key is not exchanged for a token
 */
export async function checkPlatform(settings: PeerSettings, operatorKey: string): Promise<CheckResult[]> {
  const token = await signIn(settings, operatorKey);
  return Promise.all(
    checks.map(async ({ service, setting, call }) => {
      const clients = new ServiceClients(() => addressIn(settings, setting), { token: () => Promise.resolve(token) });
      try {
        await call(clients);
        return { service, problem: undefined };
      } catch (error) {
        return { service, problem: error instanceof Error ? error.message : String(error) };
      } finally {
        clients.close();
      }
    }),
  );
}

async function signIn(settings: PeerSettings, apiKey: string): Promise<string> {
  const anonymous = new ServiceClients(() => addressIn(settings, 'TENANT_MANAGER_ADDRESS'), undefined);
  try {
    const issued = await anonymous.get(tenants.AccessService).issueToken({ credential: { case: 'apiKey', value: apiKey } });
    return issued.accessToken;
  } finally {
    anonymous.close();
  }
}

function addressIn(settings: PeerSettings, setting: keyof PeerSettings): string {
  const address = settings[setting];
  if (address === undefined) throw new Error(`${setting} is not set`);
  return address;
}
