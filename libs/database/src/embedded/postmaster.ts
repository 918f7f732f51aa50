import { execFile } from 'node:child_process';
import { readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { errorCode } from '../database-errors.js';

/** A PostgreSQL server as `postmaster.pid` describes it. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly isReady: boolean;
}

/** Reads `postmaster.pid` (its lines are fixed since PostgreSQL 10); undefined where there is none, or only a part yet. */
export async function readPostmaster(dataFolder: string): Promise<Postmaster | undefined> {
  const content = await readFile(pidFile(dataFolder), 'utf8').catch(() => '');
  const lines = content.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3] ?? 0), isReady: lines[7]?.trim() === 'ready' };
}

/** Path of the file that PostgreSQL keeps while it runs. */
export function pidFile(dataFolder: string): string {
  return join(dataFolder, 'postmaster.pid');
}

/** Whether the process of that id is alive and is the PostgreSQL of this folder, not one that got the same id later. */
export async function isPostmasterOf(pid: number, dataFolder: string): Promise<boolean> {
  if (!(await isAlive(pid))) return false;
  if (process.platform !== 'linux') return (await describeProcess(pid)).includes(dataFolder);
  const workingFolder = await readlink(`/proc/${String(pid)}/cwd`).catch(() => '');
  return workingFolder === (await realpath(dataFolder).catch(() => dataFolder));
}

/** Whether a process of that id runs. One that ended and waits for its parent to notice does not. */
export async function isAlive(pid: number): Promise<boolean> {
  if (!exists(pid)) return false;
  const [state] = await processStatus(pid);
  return state !== 'Z' && state !== 'X';
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It exists, but belongs to somebody else.
    return errorCode(error) === 'EPERM';
  }
}

/** Fields of `/proc/<pid>/stat` from the state on. The name before it, in parentheses, may hold spaces. */
async function processStatus(pid: number): Promise<string[]> {
  const status = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  return status.slice(status.lastIndexOf(')') + 2).split(' ');
}

/** Start time of a process, to tell it from a later one with the same id; empty where it does not exist. */
export async function processStart(pid: number): Promise<string> {
  if (process.platform !== 'linux') return describeProcess(pid, 'lstart=');
  return (await processStatus(pid))[19] ?? '';
}

async function describeProcess(pid: number, format = 'command='): Promise<string> {
  const result = await promisify(execFile)('ps', ['-o', format, '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return result.stdout.trim();
}

/** Waits until the check holds. @returns whether it did in time */
export async function waitUntil(check: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}
