export { DiskObjectStore } from './disk-object-store.js';
export { verifyObject, type ListedObject, type ObjectStore, type PutOptions, type StoredObject } from './object-store.port.js';
