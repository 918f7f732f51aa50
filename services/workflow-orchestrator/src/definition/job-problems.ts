import type { JobWork } from './definition.js';
import type { Problem } from './problem.js';
import { templateProblems, type Visible } from './references.js';

/** A reference to an image: `[registry[:port]/]path[:tag][@digest]`, loosely; what is worse the cluster refuses. */
export const imageForm = /^[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,511}$/;

const nameForm = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Everything wrong with a job, at its own path. */
export function jobProblems({ image, command, args, environment }: JobWork, path: string, visible: Visible): readonly Problem[] {
  return [
    ...imageProblems(image, `${path}.image`),
    ...Object.keys(environment).flatMap((name) => nameProblems(name, `${path}.environment.${name}`)),
    ...templateProblems(image, `${path}.image`, visible),
    ...command.flatMap((text, index) => templateProblems(text, `${path}.command[${index}]`, visible)),
    ...args.flatMap((text, index) => templateProblems(text, `${path}.args[${index}]`, visible)),
    ...Object.entries(environment).flatMap(([name, text]) => templateProblems(text, `${path}.environment.${name}`, visible)),
  ];
}

/** An image with expressions is looked at when they have their values. */
function imageProblems(image: string, path: string): readonly Problem[] {
  if (image.includes('${') || imageForm.test(image)) return [];
  return [{ path, description: `must be the name of an image, such as registry.example.com/etl:1.4.2, got '${image}'` }];
}

function nameProblems(name: string, path: string): readonly Problem[] {
  if (!nameForm.test(name)) return [{ path, description: 'must be letters, digits and _ only, and not start with a digit' }];
  return /^q2_/i.test(name) ? [{ path, description: 'names that start with Q2_ are set by the platform' }] : [];
}
