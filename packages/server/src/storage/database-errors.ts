import pg from 'pg';

/**
 * What an error of the database means for whoever asked:
 * - `away` it cannot be reached; nothing is known about what the statement did
 * - `read_only` it takes no writes: a standby, or a primary that was turned into one
 * - `full` it has no room: disk or memory
 * - `busy` it answers, but not in time, or has no connection free
 * - `try_again` the statement was rolled back because of another one
 * - `no_partition` a row is of a day that has no partition yet
 * - `bad_row` this row cannot be stored, whenever it is tried
 * - `defect` none of these: a mistake of ours
 */
export type DatabaseErrorKind =
  | 'away'
  | 'read_only'
  | 'full'
  | 'busy'
  | 'try_again'
  | 'no_partition'
  | 'bad_row'
  | 'defect';

/** By SQLSTATE (PostgreSQL's manual, appendix A): the code itself, else its class, the first two characters. */
const KINDS: Readonly<Record<string, DatabaseErrorKind>> = {
  '08': 'away', // connection exceptions
  '22': 'bad_row', // data exceptions
  '23': 'bad_row', // integrity constraints
  '28': 'away', // the role or its password is refused
  '40': 'try_again', // transaction rollback: 40001 serialization_failure, 40P01 deadlock_detected
  '53': 'full', // insufficient resources: 53100 disk_full, 53200 out_of_memory
  '57': 'away', // operator intervention: 57P01 admin_shutdown, 57P02 crash_shutdown, 57P03 cannot_connect_now
  '58': 'full', // system errors: 58030 io_error
  '21000': 'bad_row', // cardinality_violation
  '25006': 'read_only', // read_only_sql_transaction
  '25P03': 'away', // idle_in_transaction_session_timeout
  '25P04': 'busy', // transaction_timeout
  '3D000': 'away', // the database does not exist
  '40003': 'away', // statement_completion_unknown
  '53300': 'busy', // too_many_connections
  '53400': 'busy', // configuration_limit_exceeded
  '54000': 'bad_row', // program_limit_exceeded
  '55P03': 'busy', // lock_not_available
  '57014': 'busy', // query_canceled, by statement_timeout
};

/** PostgreSQL's code for a value that a unique index holds already. */
export const UNIQUE_VIOLATION = '23505';
/** What a pooler answers that keeps no transactions. */
export const PROTOCOL_VIOLATION = '08P01';
const CHECK_VIOLATION = '23514';

/** SQLSTATE of an error that PostgreSQL answered, undefined for any other. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** Of an error that a Database has thrown; `defect` for everything else. */
export function kindOf(error: unknown): DatabaseErrorKind {
  if (error instanceof DatabaseUnavailable) return error.kind;
  if (error instanceof DatabaseBusy) return 'busy';
  const code = sqlStateOf(error);
  // A row outside of every partition names no constraint.
  if (error instanceof pg.DatabaseError && code === CHECK_VIOLATION && error.constraint === undefined)
    return 'no_partition';
  if (code !== undefined) return KINDS[code] ?? KINDS[code.slice(0, 2)] ?? 'defect';
  return 'defect';
}

/** The same of an error that the driver threw: what PostgreSQL did not answer is the connection. */
export function kindOfDriverError(error: unknown): DatabaseErrorKind {
  return sqlStateOf(error) === undefined && !(error instanceof DatabaseBusy) ? 'away' : kindOf(error);
}

/** Why nothing can be stored for now. */
export type Outage = Extract<DatabaseErrorKind, 'away' | 'read_only' | 'full'>;

export function isOutage(kind: DatabaseErrorKind): kind is Outage {
  return kind === 'away' || kind === 'read_only' || kind === 'full';
}

/** Whether the same statement may well succeed later: nothing about it was wrong. */
export function isPassing(error: unknown): boolean {
  const kind = kindOf(error);
  return isOutage(kind) || kind === 'busy' || kind === 'try_again';
}

/** Thrown when the database cannot be used. */
export class DatabaseUnavailable extends Error {
  constructor(
    cause: unknown,
    readonly kind: Outage = 'away',
    /** The connection was lost on the way: the statement may have been carried out. */
    readonly mayBeStored = false,
  ) {
    super('The database cannot be used.', { cause });
    this.name = 'DatabaseUnavailable';
  }
}

/** Thrown when the database answers, but not in time: every connection is busy, or a statement took too long. */
export class DatabaseBusy extends Error {
  constructor(cause: unknown) {
    super('The database is busy.', { cause });
    this.name = 'DatabaseBusy';
  }
}
