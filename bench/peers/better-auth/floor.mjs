// What this peer's own password check costs without a server around it: two at a time for so many seconds.

import { hash, verify } from "@node-rs/argon2";

import { ARGON2 } from "./auth.mjs";

const [seconds, password] = [Number(process.argv[2]), process.argv[3]];
const stored = await hash(password, ARGON2);
let done = 0;
const before = process.cpuUsage();
const until = performance.now() + seconds * 1000;

const verifyUntilThen = async () => {
  while (performance.now() < until) {
    if (!(await verify(stored, password))) throw new Error("the right password was refused");
    done += 1;
  }
};
await Promise.all([verifyUntilThen(), verifyUntilThen()]);
const { user, system } = process.cpuUsage(before);
console.log((user + system) / 1000 / done);
