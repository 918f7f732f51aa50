import { NotFound, ResourceExhausted, Unavailable } from '@q2/errors';
import { storageError } from './storage-error.js';

const systemError = (code: string) => Object.assign(new Error(`${code}: failed, open '/secret/path'`), { code });

describe('storageError', () => {
  it.each(['ENOSPC', 'EDQUOT'])('says that the storage is full on %s', (code) => {
    const error = storageError(systemError(code));
    expect(error).toBeInstanceOf(ResourceExhausted);
    expect(error.reason).toBe('STORAGE_FULL');
  });

  it.each(['EACCES', 'EPERM', 'EROFS'])('says that the storage may not be accessed on %s', (code) => {
    const error = storageError(systemError(code));
    expect(error).toBeInstanceOf(Unavailable);
    expect(error.reason).toBe('STORAGE_NOT_WRITABLE');
  });

  it('names any other failure by its code, and never a path', () => {
    const error = storageError(systemError('EIO'));
    expect(error.reason).toBe('STORAGE_FAILING');
    expect(error.message).toContain('EIO');
    expect(error.message).not.toContain('secret');
  });

  it('keeps the original error as the cause', () => {
    const cause = new Error('no code');
    expect(storageError(cause)).toMatchObject({ reason: 'STORAGE_FAILING', cause });
  });

  it('passes a domain error on as it is', () => {
    const error = new NotFound('OBJECT_NOT_FOUND', 'none');
    expect(storageError(error)).toBe(error);
  });
});
