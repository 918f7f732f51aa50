import { aJob } from '../testing/definitions.testing.js';
import { jobInput, jobTemplate } from './job-input.js';

describe('jobInput', () => {
  const job = aJob({
    image: 'etl:${input.tag}',
    command: ['run'],
    args: ['${input.rows}'],
    environment: { FLAGS: '${input.flags}' },
    canWriteRoot: true,
  });

  it('writes values that are not text as JSON', () => {
    const rendered = { image: 'etl:2', command: ['run'], args: [3], environment: { FLAGS: { fast: true } } };
    expect(jobInput(job, rendered)).toEqual({
      ...{ image: 'etl:2', command: ['run'], args: ['3'], environment: { FLAGS: '{"fast":true}' } },
      ...{ cpuMillis: 500, memoryMib: 512, storageMib: 1024, canWriteRoot: true },
    });
  });

  it('takes what a job says without expressions as it is', () => {
    expect(jobInput(aJob(), jobTemplate(aJob()))).toEqual({
      ...{ image: 'etl:1', command: [], args: [], environment: {} },
      ...{ cpuMillis: 500, memoryMib: 512, storageMib: 1024, canWriteRoot: false },
    });
  });

  it.each([[{ image: 'etl 2' }], [{ image: '' }], [{ image: null }], [{}], [null]])('refuses an image that is none: %j', (rendered) => {
    expect(() => jobInput(job, rendered)).toThrow('image: must be the name of an image');
  });

  it('refuses what is too large with its values', () => {
    expect(() => jobInput(job, { image: 'etl:2', args: ['x'.repeat(262_144)] })).toThrow(
      /job: has \d+ bytes with its values, at most 262144/,
    );
  });
});
