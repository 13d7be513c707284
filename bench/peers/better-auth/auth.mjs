// better-auth as a small product would set it up: e-mail and password, the two-factor plugin, SQLite.

import { hash, verify } from "@node-rs/argon2";
import { betterAuth } from "better-auth";
import { twoFactor } from "better-auth/plugins";
import Database from "better-sqlite3";

// The same as Twofold's defaults: argon2id, 19 MiB, two passes, one lane.
export const ARGON2 = { memoryCost: 19456, timeCost: 2, parallelism: 1 };

export const database = new Database(process.env.PEER_DATABASE);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = NORMAL");
database.pragma("foreign_keys = ON");

export const auth = betterAuth({
  baseURL: "http://127.0.0.1",
  secret: process.env.PEER_SECRET,
  database,
  emailAndPassword: {
    enabled: true,
    password: {
      hash: (password) => hash(password, ARGON2),
      verify: ({ hash: stored, password }) => verify(stored, password),
    },
  },
  plugins: [twoFactor({ issuer: "Bench" })],
  // A signed copy of the session in a cookie, believed for five minutes without asking the database.
  session: { cookieCache: { enabled: process.env.PEER_COOKIE_CACHE === "1", maxAge: 300 } },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  experimental: { instrumentation: { enabled: false } },
  logger: { level: "error" },
});
