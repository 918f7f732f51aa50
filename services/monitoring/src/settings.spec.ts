import { MonitoringSettings } from './settings.js';

describe('MonitoringSettings', () => {
  it('keeps points for thirty days unless told', () => {
    expect(new MonitoringSettings({})).toEqual({ retentionMs: 30 * 86_400_000, maxSeries: 100_000, maxPointsRead: 2_000_000 });
    expect(new MonitoringSettings({ MONITORING_RETENTION_DAYS: '7' }).retentionMs).toBe(7 * 86_400_000);
  });

  it('names every variable that is wrong', () => {
    expect(() => new MonitoringSettings({ MONITORING_RETENTION_DAYS: '0', MONITORING_MAX_SERIES: 'many' })).toThrow(
      /MONITORING_RETENTION_DAYS.*MONITORING_MAX_SERIES/,
    );
  });
});
