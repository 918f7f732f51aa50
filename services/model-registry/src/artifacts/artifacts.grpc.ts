import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { models } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';
import { decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import { pageOf } from '../requests/page.js';
import type { VersionKey } from '../versions/version.js';
import type { Artifact } from './artifact.js';
import { ArtifactsService } from './artifacts.service.js';

const cursor = z.string().max(512);

/** Serves q2.models.v1.ArtifactService. */
@Injectable()
export class ArtifactsGrpc implements ServiceImpl<typeof models.ArtifactService> {
  constructor(@Inject(ArtifactsService) private readonly artifacts: ArtifactsService) {}

  async uploadArtifactStream(requests: AsyncIterable<models.UploadArtifactStreamRequest>, call: Call) {
    const messages = requests[Symbol.asyncIterator]();
    const header = headerOf(await messages.next());
    const key = models.artifactName.parse(header.name, 'header.name');
    const artifact = await this.artifacts.upload(key, {
      sizeBytes: Number(header.sizeBytes),
      sha256: header.sha256 || undefined,
      content: chunksOf(messages),
      creator: call.principal.id,
    });
    return artifactProto(key, artifact);
  }

  async *downloadArtifactStream(request: models.DownloadArtifactStreamRequest, call: Call) {
    const key = models.artifactName.parse(request.name);
    const artifact = await this.artifacts.get(key);
    const chunks = this.artifacts.read(call.tenant, artifact, Number(request.offsetBytes));
    yield { part: { case: 'artifact', value: artifactProto(key, artifact) } as const };
    for await (const chunk of chunks) yield { part: { case: 'chunk', value: chunk } as const };
  }

  async listArtifacts(request: models.ListArtifactsRequest) {
    const key = models.versionName.parse(request.parent, 'parent');
    const size = pageSizeOf(request);
    const found = await this.artifacts.list(key, { after: decodePage(request.pageToken, cursor) ?? '', size: size + 1 });
    const { items, nextPageToken } = pageOf(found, size, ({ fileName }) => encodePage(fileName));
    return { artifacts: items.map((artifact) => artifactProto(key, artifact)), nextPageToken };
  }

  async verifyArtifacts(request: models.VerifyArtifactsRequest) {
    const key = models.versionName.parse(request.parent, 'parent');
    const files = await this.artifacts.verify(key);
    const checks = files.map(({ fileName, problem }) => ({
      name: models.artifactName.format({ ...key, artifact: fileName }),
      intact: problem === undefined,
      problem: problem ?? '',
    }));
    return { intact: checks.every(({ intact }) => intact), checks };
  }
}

function artifactProto(key: VersionKey, artifact: Artifact) {
  return {
    name: models.artifactName.format({ ...key, artifact: artifact.fileName }),
    sha256: artifact.sha256,
    sizeBytes: BigInt(artifact.sizeBytes),
    creator: artifact.creator,
    createTime: timestampFromDate(artifact.createdAt),
  };
}

function headerOf(first: IteratorResult<models.UploadArtifactStreamRequest, unknown>): models.UploadHeader {
  const part = first.done === true ? undefined : first.value.part;
  if (part?.case === 'header') return part.value;
  throw InvalidArgument.field('header', 'must be the first message of an upload');
}

async function* chunksOf(messages: AsyncIterator<models.UploadArtifactStreamRequest>): AsyncGenerator<Uint8Array, void, undefined> {
  for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
    const { part } = next.value;
    if (part.case !== 'chunk') throw InvalidArgument.field('chunk', 'must follow the header, message after message');
    yield part.value;
  }
}
