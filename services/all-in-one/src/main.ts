// `npm start`: the whole platform in one process.
import { runProcess } from '@q2/service-kit';
import { startPlatform } from './platform.js';

await runProcess(async () => {
  const startedAt = performance.now();
  const platform = await startPlatform();
  const { grpcPort, httpPort } = platform.process;
  if (platform.operatorKey.isNew) console.log(`operator key: ${platform.operatorKey.text}`);
  console.log(`operator key in ${platform.home.operatorKey}; logs in ${platform.home.log}`);
  console.log(
    `Q2 answers gRPC on port ${grpcPort} and HTTP on port ${httpPort}, after ${((performance.now() - startedAt) / 1000).toFixed(1)} s. Ctrl-C ends it.`,
  );
  return platform;
});
