/** Where background work reports what no caller sees. Pino's loggers fit: details name a failure `err`, which pino writes with its stack. */
export interface EventLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}
