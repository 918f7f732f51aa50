import { InvalidArgument, ResourceExhausted } from '@q2/errors';
import { ContentMeter } from './content-meter.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const sha256OfAbc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

describe('ContentMeter', () => {
  it('measures size and SHA-256 over the chunks', () => {
    const meter = new ContentMeter({ maxBytes: 3, expectedBytes: 3, expectedSha256: sha256OfAbc });
    meter.add(bytes('a'));
    meter.add(bytes('bc'));
    expect(meter.finish()).toEqual({ sha256: sha256OfAbc, sizeBytes: 3 });
  });

  it('refuses the chunk that passes the limit', () => {
    const meter = new ContentMeter({ maxBytes: 2 });
    expect(() => meter.add(bytes('abc'))).toThrow(ResourceExhausted);
  });

  it('refuses the chunk that passes the announced size', () => {
    const meter = new ContentMeter({ maxBytes: 10, expectedBytes: 2 });
    expect(() => meter.add(bytes('abc'))).toThrow(InvalidArgument);
  });

  it('refuses a content shorter than announced', () => {
    const meter = new ContentMeter({ maxBytes: 10, expectedBytes: 4 });
    meter.add(bytes('abc'));
    expect(() => meter.finish()).toThrow('4 bytes announced, 3 sent');
  });

  it('refuses a content with another SHA-256', () => {
    const meter = new ContentMeter({ maxBytes: 10, expectedSha256: '0'.repeat(64) });
    meter.add(bytes('abc'));
    expect(() => meter.finish()).toThrow(sha256OfAbc);
  });
});
