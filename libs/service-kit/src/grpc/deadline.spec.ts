import { withinDeadline } from './deadline.js';

describe('withinDeadline', () => {
  it('gives what comes in time', async () => {
    await expect(withinDeadline(new Date(Date.now() + 1_000), () => Promise.resolve(1))).resolves.toBe(1);
    await expect(withinDeadline(undefined, () => Promise.resolve(2))).resolves.toBe(2);
  });

  it('ends the wait for what does not', async () => {
    await expect(withinDeadline(new Date(Date.now() + 20), () => new Promise(() => {}))).rejects.toMatchObject({
      kind: 'DEADLINE_EXCEEDED',
    });
    await expect(withinDeadline(new Date(Date.now() - 20), () => new Promise(() => {}))).rejects.toMatchObject({
      kind: 'DEADLINE_EXCEEDED',
    });
  });
});
