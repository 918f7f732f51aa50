import { formExample, options } from './index.js';
import { formProblem } from './form.js';

const { Form } = options;
const forms = Object.values(Form).filter((form): form is options.Form => typeof form === 'number');

describe('forms', () => {
  it.each(forms.map((form) => [Form[form], form] as const))('%s accepts its own example', (_, form) => {
    expect(formProblem(form, formExample(form))).toBeUndefined();
  });

  it.each([
    [Form.ID, 'Upper'],
    [Form.ID, 'a'.repeat(64)],
    [Form.ID, 'ends-'],
    [Form.UUID, '018f2f4e9d2a7c3b8a1f0123456789ab'],
    [Form.SEMVER, '1.0'],
    [Form.SEMVER, '01.0.0'],
    [Form.SHA256, 'E3'],
    [Form.FILE_NAME, '..'],
    [Form.FILE_NAME, 'a/b'],
    [Form.TIME_ZONE, 'Europe/Nowhere'],
    [Form.TIME_ZONE, '+02:00'],
    [Form.METRIC_NAME, '1st'],
    [Form.EVENT_TYPE, 'plain'],
    [Form.PERMISSION, 'models.promote'],
    [Form.LINE, 'a\nb'],
    [Form.RESOURCE_NAME, 'tenants//models'],
  ])('form %s refuses %s', (form, value) => {
    expect(formProblem(form, value)).toMatch(/^must/);
  });

  it('knows zones that are links', () => {
    expect(formProblem(Form.TIME_ZONE, 'Asia/Calcutta')).toBeUndefined();
  });
});
