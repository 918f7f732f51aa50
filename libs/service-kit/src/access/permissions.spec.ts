import { permissionsOf } from './permissions.js';

describe('permissionsOf', () => {
  it('grants each shipped role what the one below it has, and more', () => {
    const [viewer, editor, admin, operator] = ['viewer', 'editor', 'admin', 'operator'].map((role) => permissionsOf([role], []));
    for (const [below, above] of [
      [viewer, editor],
      [editor, admin],
      [admin, operator],
    ]) {
      expect([...(below ?? [])].every((permission) => above?.has(permission))).toBe(true);
      expect(above?.size).toBeGreaterThan(below?.size ?? Infinity);
    }
  });

  it('keeps a viewer from changing anything', () => {
    const verbs = [...permissionsOf(['viewer'], [])].map((permission) => permission.split('.').at(-1));
    expect(verbs.filter((verb) => /create|update|delete|promote|start/.test(verb ?? ''))).toEqual([]);
  });

  it('gives a service what the contracts list it for, and an unknown role nothing', () => {
    expect(permissionsOf(['service:workflow-orchestrator'], []).has('models.versions.promote')).toBe(true);
    expect(permissionsOf(['service:scheduler'], []).has('models.versions.promote')).toBe(false);
    expect(permissionsOf(['emperor'], []).size).toBe(0);
  });

  it('adds the permissions of custom roles', () => {
    expect([...permissionsOf([], ['models.versions.promote'])]).toEqual(['models.versions.promote']);
  });
});
