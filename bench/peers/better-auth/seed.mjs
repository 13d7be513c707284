// Makes the tables and fills them with the people on standard input, one a line in JSON, as sign-up and set-up leave them.

import { createInterface } from "node:readline";

import { symmetricEncrypt } from "better-auth/crypto";
import { getMigrations } from "better-auth/db/migration";

import { auth, database } from "./auth.mjs";

const { runMigrations } = await getMigrations(auth.options);
await runMigrations();

const key = (await auth.$context).secretConfig;
const hash = await auth.options.emailAndPassword.password.hash(process.argv[2]);
const now = new Date().toISOString();
const rows = [];
for await (const line of createInterface({ input: process.stdin })) {
  const person = JSON.parse(line);
  const [secret, backupCodes] = await Promise.all(
    [person.secret, JSON.stringify(person.backup_codes)].map((data) => symmetricEncrypt({ key, data })),
  );
  rows.push({ ...person, hash, secret, backupCodes, now });
}

const user = database.prepare(
  `INSERT INTO user (id, name, email, emailVerified, createdAt, updatedAt, twoFactorEnabled)
   VALUES (@id, @name, @email, 1, @now, @now, 1)`,
);
const account = database.prepare(
  `INSERT INTO account (id, accountId, providerId, userId, password, createdAt, updatedAt)
   VALUES ('a' || @id, @id, 'credential', @id, @hash, @now, @now)`,
);
const factor = database.prepare(
  `INSERT INTO twoFactor (id, secret, backupCodes, userId, verified, failedVerificationCount)
   VALUES ('t' || @id, @secret, @backupCodes, @id, 1, 0)`,
);
database.transaction(() => {
  for (const row of rows) {
    user.run(row);
    account.run(row);
    factor.run(row);
  }
})();
database.exec("ANALYZE");
database.pragma("wal_checkpoint(TRUNCATE)");
database.close();
