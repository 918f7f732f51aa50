/** Where background work reports what no caller sees. Pino's loggers fit. */
export interface EventLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}
