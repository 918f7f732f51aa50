import { DiskObjectStore } from '@q2/object-storage';

/** Where the contents of artifacts lie; the token that the store is injected by. */
export class ArtifactContents extends DiskObjectStore {}
