import { toBinary, type DescFile, type DescService } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { health, rpc } from '@q2/contracts';

/**
 * Serves grpc.reflection v1 and v1alpha, so that stock clients call methods without having the contracts, ask for health,
 * and read the google.rpc details of an error, which no contract mentions.
 */
export function addReflection(server: Server, services: readonly DescService[]): void {
  const described = [...services, health.Health];
  const files = new Map<string, DescFile>();
  for (const service of described) collect(service.file, files);
  collect(rpc.file_google_rpc_error_details, files);
  const fileDescriptorProtos = [...files.values()].map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
  // The service reads the descriptors only; the rest of a definition is for clients that proto-loader makes.
  const definition = { format: 'Protocol Buffer 3 EnumDescriptorProto' as const, type: {}, fileDescriptorProtos };
  new ReflectionService({ q2: definition }, { services: described.map((service) => service.typeName) }).addToServer(server);
}

function collect(file: DescFile, into: Map<string, DescFile>): void {
  if (into.has(file.name)) return;
  into.set(file.name, file);
  for (const dependency of file.dependencies) collect(dependency, into);
}
