import type { MigrationInterface } from 'typeorm';

/** A TypeORM migration: `class CreateVersions1764000000000 implements MigrationInterface`. */
export type MigrationClass = new () => MigrationInterface;

/** A class that TypeORM maps to a table. */
export type EntityClass = abstract new (...parameters: never[]) => object;

/** What a service keeps in PostgreSQL. Libraries export migrations of their own, to be concatenated here. */
export interface ServiceSchema {
  /** Name of the PostgreSQL schema, such as `models`; the service's roles are named after it. */
  readonly name: string;
  readonly entities: readonly EntityClass[];
  /** Run in the order of the 13-digit timestamps that end their names. */
  readonly migrations: readonly MigrationClass[];
}
