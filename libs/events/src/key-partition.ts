/**
 * Partition that a key belongs to, the same on every machine and in every version: where it changes, the order of a
 * key's events is lost. FNV-1a over UTF-16 code units with the finaliser of MurmurHash3, because FNV's low bits alone
 * spread badly over small moduli.
 *
 * @param partitions how many there are, at least 1
 * @returns 0 to partitions − 1
 */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions;
}
