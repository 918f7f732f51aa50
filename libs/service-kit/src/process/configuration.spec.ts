import { configuration, processSettings, wholeNumber } from './configuration.js';
import { z } from 'zod';

describe('configuration', () => {
  it('has a default for everything', () => {
    expect(configuration(processSettings, {})).toMatchObject({
      GRPC_ADDRESS: '127.0.0.1:50051',
      HTTP_ADDRESS: '127.0.0.1:8080',
      DATABASE_POOL_SIZE: 10,
    });
  });

  it('counts an empty variable as unset', () => {
    expect(configuration(processSettings, { GRPC_ADDRESS: '', DATABASE_URL: '' }).DATABASE_URL).toBeUndefined();
  });

  it('names all problems at once', () => {
    const settings = {
      GRPC_ADDRESS: 'nowhere',
      HTTP_ADDRESS: '127.0.0.1:70000',
      DATABASE_URL: 'mysql://x',
      LOG_LEVEL: 'loud',
      DATABASE_POOL_SIZE: '-1',
    };
    expect(() => configuration(processSettings, settings)).toThrow(
      expect.objectContaining({
        name: 'ConfigurationError',
        message: expect.stringMatching(
          /GRPC_ADDRESS: must be host:port.*HTTP_ADDRESS: must have a port.*DATABASE_URL: must begin.*DATABASE_POOL_SIZE.*LOG_LEVEL/s,
        ),
      }),
    );
  });

  it.each(['x', '1.5', '11'])('refuses %s where a whole number up to 10 is wanted', (given) => {
    expect(() => configuration(z.object({ SIZE: wholeNumber({ min: 1, max: 10, fallback: 5 }) }), { SIZE: given })).toThrow(/SIZE/);
  });
});
