/** A text for YAML: JSON is YAML too. */
function manifest(...objects: readonly object[]): string {
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

/** What Pod Security asks of pods in a namespace that enforces `restricted`. */
const restrictedPod = {
  runAsNonRoot: true,
  runAsUser: 65_532,
  runAsGroup: 65_532,
  fsGroup: 65_532,
  seccompProfile: { type: 'RuntimeDefault' },
};
const restrictedContainer = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };

/** A namespace that refuses pods which could do more than they need. */
export function restrictedNamespace(name: string): string {
  const enforced = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/enforce-version': 'latest' };
  return manifest({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: enforced } });
}

export interface StoreOptions {
  readonly namespace: string;
  readonly image: string;
  readonly password: string;
}

/** PostgreSQL and Kafka, each a pod behind a Service, and the Secret by which the platform finds its database. */
export function stores({ namespace, image, password }: StoreOptions): string {
  const url = `postgresql://postgres:${password}@postgresql:5432/postgres`;
  return manifest(
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'q2-database', namespace }, stringData: { url, password } },
    ...store({ namespace, image, name: 'postgresql', port: 5432, program: '/start-postgres' }),
    ...store({ namespace, image, name: 'kafka', port: 9092, program: '/start-kafka' }),
  );
}

interface Store {
  readonly namespace: string;
  readonly image: string;
  readonly name: string;
  readonly port: number;
  readonly program: string;
}

function store({ namespace, image, name, port, program }: Store): object[] {
  const labels = { app: name };
  const password = { name: 'POSTGRES_PASSWORD', valueFrom: { secretKeyRef: { name: 'q2-database', key: 'password' } } };
  const container = {
    name,
    image,
    imagePullPolicy: 'Never',
    command: [program],
    ports: [{ containerPort: port }],
    env: name === 'postgresql' ? [password] : [],
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '1Gi' } },
    securityContext: restrictedContainer,
    volumeMounts: [
      { name: 'data', mountPath: '/data' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
  const volumes = ['data', 'tmp'].map((volume) => ({ name: volume, emptyDir: {} }));
  const pod = {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: restrictedPod,
    containers: [container],
    volumes,
  };
  const template = { metadata: { labels }, spec: { ...pod, terminationGracePeriodSeconds: 5 } };
  // Whoever runs the stores decides who reaches them: here the platform's pods, and nobody else.
  const platform = { podSelector: { matchLabels: { 'app.kubernetes.io/name': 'q2-platform' } } };
  const policy = { podSelector: { matchLabels: labels }, policyTypes: ['Ingress'], ingress: [{ from: [platform], ports: [{ port }] }] };
  return [
    { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace }, spec: policy },
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { selector: labels, ports: [{ port }] } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: { selector: { matchLabels: labels }, strategy: { type: 'Recreate' }, template },
    },
  ];
}

export interface PodOptions {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** What Node runs instead of the image's entry. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Environment from a Secret: variable, Secret and key. */
  readonly secret?: { readonly variable: string; readonly name: string; readonly key: string };
}

/** A pod of the platform's image that runs once. */
export function onePod({ namespace, name, image, labels = {}, command, args, environment = {}, secret }: PodOptions): string {
  const fromSecret = secret ? [{ name: secret.variable, valueFrom: { secretKeyRef: { name: secret.name, key: secret.key } } }] : [];
  const container = {
    name: 'main',
    image,
    imagePullPolicy: 'Never',
    ...(command ? { command } : {}),
    ...(args ? { args } : {}),
    env: [...Object.entries(environment).map(([variable, value]) => ({ name: variable, value })), ...fromSecret],
    resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '512Mi' } },
    securityContext: restrictedContainer,
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  };
  const spec = {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: restrictedPod,
    containers: [container],
    volumes: [{ name: 'tmp', emptyDir: {} }],
  };
  return manifest({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels }, spec });
}
