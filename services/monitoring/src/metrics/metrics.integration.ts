import { randomUUID } from 'node:crypto';
import { durationFromMs, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { monitoring } from '@q2/contracts';
import type { TestPlatform } from '@q2/testing';
import { type Fields, HandClock, startMonitoring, stream, tenantOf } from '../monitoring.testing.js';
import { RetentionJob } from '../retention/retention.job.js';
import { aggregations } from './range.js';

const { Aggregation } = monitoring;

describe('metrics', () => {
  const clock = new HandClock();
  const start = new Date(Math.floor(Date.now() / 1_000) * 1_000 - 86_400_000);
  const at = (seconds: number) => timestampFromDate(new Date(start.getTime() + seconds * 1_000));
  const range = { startTime: at(0), endTime: at(60), window: durationFromMs(60_000), aggregation: Aggregation.SUM };
  let platform: TestPlatform;
  let acme: ReturnType<typeof tenantOf>;

  beforeAll(async () => {
    platform = await startMonitoring({ clock, environment: { MONITORING_MAX_SERIES: '20', MONITORING_MAX_POINTS_READ: '12000' } });
    acme = tenantOf(platform, 'acme');
  });
  afterAll(() => platform.stop());

  const valuesOf = async (request: Fields<typeof monitoring.QueryRangeRequestSchema>, as = acme) => {
    const { series } = await as.metrics.queryRange({ parent: as.parent, metric: 'm', ...range, ...request });
    return series.map(({ labels, samples }) => [labels, samples.map(({ value }) => value)]);
  };

  it('answers every aggregation over what was recorded', async () => {
    await acme.record([1, 2, 3, 4].map((value, second) => ({ metric: 'sizes', value, time: at(second) })));
    const answers = new Map<string, number | undefined>();
    for (const name of aggregations) {
      const [series] = await valuesOf({ metric: 'sizes', aggregation: Aggregation[name] });
      answers.set(name, Array.isArray(series?.[1]) ? series[1][0] : undefined);
    }
    expect(Object.fromEntries(answers)).toEqual({
      AVERAGE: 2.5,
      SUM: 10,
      MINIMUM: 1,
      MAXIMUM: 4,
      COUNT: 4,
      RATE: 10 / 60,
      P50: 2.5,
      P95: expect.closeTo(3.85),
      P99: expect.closeTo(3.97),
    });
  });

  it('parts time into windows from the start on, groups by labels, and leaves empty windows out', async () => {
    const points = [
      { second: 0, version: '1', value: 1 },
      { second: 9, version: '1', value: 2 },
      { second: 10, version: '1', value: 4 },
      { second: 30, version: '2', value: 8 },
      { second: 59, version: '', value: 16 },
      { second: 60, version: '1', value: 32 },
    ];
    await acme.record(
      points.map(({ second, version, value }) => ({ metric: 'm', labels: { version, host: `h${second}` }, value, time: at(second) })),
    );
    const { series } = await acme.metrics.queryRange({
      parent: acme.parent,
      metric: 'm',
      ...range,
      window: durationFromMs(10_000),
      groupBy: ['version'],
    });
    const readable = series.map(({ labels, samples }) => [
      labels['version'],
      samples.map(({ time, value, points: count }) => [
        (Number(time && timestampDate(time)) - start.getTime()) / 1_000,
        value,
        Number(count),
      ]),
    ]);
    expect(readable).toEqual([
      ['', [[50, 16, 1]]],
      [
        '1',
        [
          [0, 3, 2],
          [10, 4, 1],
        ],
      ],
      ['2', [[30, 8, 1]]],
    ]);
  });

  it('chooses series by labels that equal and labels that do not', async () => {
    const { NOT_EQUAL } = monitoring.LabelMatcher_Operator;
    const matcher = (label: string, value: string, operator = monitoring.LabelMatcher_Operator.EQUAL) => [{ label, value, operator }];
    expect(await valuesOf({ matchers: matcher('version', '1') })).toEqual([[{}, [7]]]);
    expect(await valuesOf({ matchers: matcher('version', '1', NOT_EQUAL) })).toEqual([[{}, [24]]]);
    expect(await valuesOf({ matchers: matcher('version', '') })).toEqual([[{}, [16]]]);
    expect(await valuesOf({ matchers: [...matcher('version', '1'), ...matcher('host', 'h0', NOT_EQUAL)] })).toEqual([[{}, [6]]]);
  });

  it('counts a batch once, however often and however concurrently it is sent', async () => {
    const batchId = randomUUID();
    const points = [{ metric: 'once', value: 1, time: at(1) }];
    const answers = await Promise.all(Array.from({ length: 6 }, () => acme.record(points, batchId)));
    answers.push(await acme.record(points, batchId.toUpperCase()));
    expect(answers.map(({ acceptedPoints, duplicatePoints }) => [acceptedPoints, duplicatePoints]).sort()).toEqual([
      ...Array.from({ length: 6 }, () => [0n, 1n]),
      [1n, 0n],
    ]);
    expect(await valuesOf({ metric: 'once' })).toEqual([[{}, [1]]]);
  });

  it('keeps the batches before one that is refused, and says which field is wrong', async () => {
    const good = { parent: acme.parent, batchId: randomUUID(), points: [{ metric: 'kept', value: 1, time: at(1) }] };
    const bad = { parent: acme.parent, batchId: randomUUID(), points: [{ metric: 'kept', value: Number.NaN, time: at(1) }] };
    await expect(acme.metrics.recordStream(stream([good, bad]))).rejects.toMatchObject({
      kind: 'INVALID_ARGUMENT',
      violations: [{ field: 'points[0].value', description: expect.stringContaining('finite') }],
    });
    expect(await valuesOf({ metric: 'kept' })).toEqual([[{}, [1]]]);
    expect(await acme.metrics.recordStream(stream([good]))).toMatchObject({ acceptedPoints: 0n, duplicatePoints: 1n });
  });

  it('refuses too many labels and points without bounds', async () => {
    const labels = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`l${index}`, 'x']));
    await expect(acme.record([{ metric: 'm', labels, value: 1 }])).rejects.toMatchObject({ violations: [{ field: 'points[0].labels' }] });
    await expect(acme.record([{ metric: 'm', value: 1e301 }])).rejects.toMatchObject({ violations: [{ field: 'points[0].value' }] });
    await expect(acme.record([{ metric: 'm', labels: { a: 'x'.repeat(257) }, value: 1 }])).rejects.toMatchObject({
      kind: 'INVALID_ARGUMENT',
    });
  });

  it('sums the greatest values there may be without failing', async () => {
    await acme.record([1e300, 1e300, -1e300].map((value) => ({ metric: 'huge', value, time: at(1) })));
    expect(await valuesOf({ metric: 'huge', aggregation: Aggregation.AVERAGE })).toEqual([[{}, [expect.closeTo(1e300 / 3, -290)]]]);
  });

  it('takes the time of arrival where a point has none, and refuses points outside the time kept', async () => {
    const answer = await acme.record([
      { metric: 'timed', value: 1 },
      { metric: 'timed', value: 2, time: timestampFromDate(new Date(Date.now() - 31 * 86_400_000)) },
      { metric: 'timed', value: 4, time: timestampFromDate(new Date(Date.now() + 120_000)) },
    ]);
    expect(answer).toMatchObject({ acceptedPoints: 1n, rejectedPoints: 2n });
    expect(answer.rejections.map(({ index, reason }) => [index, reason])).toEqual([
      [1, 'POINT_TOO_OLD'],
      [2, 'POINT_IN_FUTURE'],
    ]);
  });

  it('refuses ranges without bounds', async () => {
    await expect(valuesOf({ window: durationFromMs(1_000), endTime: at(10_001) })).rejects.toMatchObject({
      violations: [{ field: 'window' }],
    });
    await expect(valuesOf({ endTime: at(0) })).rejects.toMatchObject({ violations: [{ field: 'end_time' }] });
    await expect(valuesOf({ aggregation: Aggregation.UNSPECIFIED })).rejects.toMatchObject({ violations: [{ field: 'aggregation' }] });
  });

  it('answers with no more samples, and from no more points, than it may', async () => {
    const many = (from: number, length: number) => Array.from({ length }, (_, index) => ({ second: from + index, host: `${index % 2}` }));
    const send = (seconds: ReturnType<typeof many>) =>
      acme.record(seconds.map(({ second, host }) => ({ metric: 'wide', labels: { host }, value: 1, time: at(Math.floor(second / 2)) })));
    for (const from of [0, 5_000, 10_000]) await send(many(from, from === 10_000 ? 1_000 : 5_000));
    const wide = { metric: 'wide', endTime: at(10_000), window: durationFromMs(1_000) };
    await expect(valuesOf({ ...wide, groupBy: ['host'] })).rejects.toMatchObject({ kind: 'OUT_OF_RANGE', reason: 'TOO_MANY_SAMPLES' });
    expect((await valuesOf(wide))[0]?.[1]).toHaveLength(5_500);
    await send(many(11_000, 1_001));
    await expect(valuesOf({ ...wide, aggregation: Aggregation.COUNT })).rejects.toMatchObject({
      kind: 'OUT_OF_RANGE',
      reason: 'TOO_MANY_POINTS',
    });
  });

  it('lists series and metrics page by page', async () => {
    const pages = tenantOf(platform, 'pages');
    await pages.record(
      ['a', 'b', 'c'].flatMap((host) => ['cpu', 'ram'].map((metric) => ({ metric, labels: { host }, value: 1, time: at(1) }))),
    );
    const request = { parent: pages.parent, metric: 'cpu', pageSize: 2 };
    const first = await pages.metrics.listSeries(request);
    const second = await pages.metrics.listSeries({ ...request, pageToken: first.nextPageToken });
    expect([...first.series, ...second.series].map(({ labels }) => labels['host']).sort()).toEqual(['a', 'b', 'c']);
    expect(second.nextPageToken).toBe('');
    const matchers = [{ label: 'host', value: 'b' }];
    expect((await pages.metrics.listSeries({ ...request, matchers })).series).toMatchObject([{ metric: 'cpu', labels: { host: 'b' } }]);
    const one = await pages.metrics.listMetrics({ parent: pages.parent, pageSize: 1 });
    const rest = await pages.metrics.listMetrics({ parent: pages.parent, pageToken: one.nextPageToken });
    expect([...one.metrics, ...rest.metrics]).toMatchObject([
      { metric: 'cpu', series: 3n },
      { metric: 'ram', series: 3n },
    ]);
    await expect(pages.metrics.listSeries({ ...request, pageToken: 'nonsense' })).rejects.toMatchObject({
      violations: [{ field: 'page_token' }],
    });
  });

  it('refuses series beyond the limit of the tenant and goes on with those it has', async () => {
    const crowd = tenantOf(platform, 'crowd');
    const points = (from: number, length: number) =>
      Array.from({ length }, (_, index) => ({ metric: 'm', labels: { host: `h${from + index}` }, value: 1, time: at(1) }));
    expect(await crowd.record(points(0, 15))).toMatchObject({ acceptedPoints: 15n });
    const answer = await crowd.record([...points(10, 12), ...points(0, 2)]);
    expect(answer).toMatchObject({ acceptedPoints: 12n, rejectedPoints: 2n });
    expect(answer.rejections.map(({ index, reason }) => [index, reason])).toEqual([
      [10, 'TOO_MANY_SERIES'],
      [11, 'TOO_MANY_SERIES'],
    ]);
    expect(await valuesOf({}, crowd)).toEqual([[{}, [32 - 5]]]);
  });

  it('tells of a hundred rejections at most', async () => {
    const old = Array.from({ length: 101 }, () => ({ metric: 'm', value: 1, time: timestampFromDate(new Date(0)) }));
    const answer = await acme.record(old);
    expect(answer.rejectedPoints).toBe(101n);
    expect(answer.rejections).toHaveLength(100);
  });

  it('keeps tenants apart, whatever they call their metrics', async () => {
    const [red, blue] = [tenantOf(platform, 'red'), tenantOf(platform, 'blue')];
    const batchId = randomUUID();
    await red.record([{ metric: 'm', labels: { a: 'x' }, value: 1, time: at(1) }], batchId);
    expect(await blue.record([{ metric: 'm', labels: { a: 'x' }, value: 2, time: at(1) }], batchId)).toMatchObject({ acceptedPoints: 1n });
    expect(await valuesOf({}, red)).toEqual([[{}, [1]]]);
    expect(await valuesOf({}, blue)).toEqual([[{}, [2]]]);
    expect((await blue.metrics.listMetrics({ parent: blue.parent })).metrics).toMatchObject([{ series: 1n }]);
    await expect(valuesOf({ parent: red.parent }, blue)).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
    const crossing = stream([red, blue].map(({ parent }) => ({ parent, batchId: randomUUID(), points: [{ metric: 'm', value: 1 }] })));
    await expect(red.metrics.recordStream(crossing)).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
  });

  it('lets producers record and not read, and viewers read and not record', async () => {
    const producer = tenantOf(platform, 'acme', ['producer']);
    const viewer = tenantOf(platform, 'acme', ['viewer']);
    expect(await producer.record([{ metric: 'm2', value: 1, time: at(1) }])).toMatchObject({ acceptedPoints: 1n });
    await expect(valuesOf({}, producer)).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
    expect(await valuesOf({ metric: 'm2' }, viewer)).toEqual([[{}, [1]]]);
    await expect(viewer.record([{ metric: 'm2', value: 1 }])).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
  });

  it('forgets points after the time they are kept, then their series, and batches after a day', async () => {
    const batchId = randomUUID();
    const old = tenantOf(platform, 'old');
    await old.record([{ metric: 'm', value: 1, time: at(1) }], batchId);
    const job = platform.get(RetentionJob);
    clock.advance(29 * 86_400_000 + 1_000_000);
    while ((await job.step()) < 3_600_000);
    expect(await valuesOf({}, old)).toEqual([]);
    expect((await old.metrics.listMetrics({ parent: old.parent })).metrics).toHaveLength(1);
    await old.record([{ metric: 'new', value: 1 }], batchId);
    clock.advance(86_400_000);
    while ((await job.step()) < 3_600_000);
    expect((await old.metrics.listMetrics({ parent: old.parent })).metrics).toMatchObject([{ metric: 'new' }]);
  });
});
