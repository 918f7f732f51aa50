import { parseCommand } from './dead-letter-arguments.js';

const id = '019ab1c2-0000-7000-8000-000000000001';

describe('parseCommand', () => {
  it('reads filters and ids', () => {
    expect(parseCommand(['list', '--service', 'scheduler', '--tenant', 'acme', '--json'])).toMatchObject({
      ...{ verb: 'list', service: 'scheduler', tenant: 'acme', limit: 50, isJson: true, isForAll: false, ids: [] },
    });
    expect(parseCommand(['replay', id, id])).toMatchObject({ verb: 'replay', ids: [id, id] });
    expect(parseCommand(['discard', '--all', '--reason', 'RETRIES_EXHAUSTED'])).toMatchObject({
      isForAll: true,
      reason: 'RETRIES_EXHAUSTED',
    });
  });

  it.each([
    [[], 'nothing is no command'],
    [['burn'], 'burn is no command'],
    [['show'], 'show needs ids'],
    [['replay'], 'replay needs ids, or --all'],
    [['replay', id, '--all'], '--all goes with replay or discard, and without ids'],
    [['show', '--all'], '--all goes with replay or discard, and without ids'],
    [['show', '42'], '42 is no id of a dead letter'],
    [['list', '--service', 'kitchen'], 'kitchen is no service'],
    [['list', '--limit', '0'], '--limit must be a whole number from 1 to 1000'],
    [['list', '--colour'], "Unknown option '--colour'"],
  ])('explains what is wrong with %j', (line, problem) => {
    expect(parseCommand(line)).toEqual(expect.stringContaining(problem));
  });
});
