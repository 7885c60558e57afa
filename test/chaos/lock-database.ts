/**
 * Holds the lock of a SQLite database until its input ends, as a process of its own: whoever else opens the database is told that
 * it is busy. Taken by SQLite's own protocol, so nothing is damaged. Says `locked` once it is; see `troubles.ts`.
 */
import { DatabaseSync } from "node:sqlite";

/** The runtime holds the lock for milliseconds at a time, so there is a gap soon. */
const WAIT_MS = 10_000;

const database = new DatabaseSync(process.argv[2] ?? "", { timeout: WAIT_MS });
database.exec("BEGIN EXCLUSIVE");
console.log("locked");
process.stdin.resume().once("end", () => {
  database.exec("ROLLBACK");
  database.close();
});
