// The server: Node's own, in one process, with better-auth's handler for it.

import { createServer } from "node:http";

import { toNodeHandler } from "better-auth/node";

import { auth } from "./auth.mjs";

await auth.$context;
createServer(toNodeHandler(auth)).listen(Number(process.env.PEER_PORT), "127.0.0.1");
