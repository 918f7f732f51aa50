/** A fresh database for each test file, on a real PostgreSQL that all test files share. */
export { startTestDatabase, type TestDatabase } from '@q2/database/testing';
