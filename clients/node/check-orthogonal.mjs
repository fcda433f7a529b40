// Prints the SHA-256 of a matrix of drafts-orthogonal.mjs, in float64 and little-endian bytes:
// node check-orthogonal.mjs SEED NAME BASE ROWS COLUMNS GAIN

import { createHash } from "node:crypto";
import { endianness } from "node:os";

import { orthogonal } from "./drafts-orthogonal.mjs";

const [seed, name, base, ...numbers] = process.argv.slice(2);
const matrix = orthogonal(BigInt(seed), name, BigInt(base), ...numbers.map(Number));
const bytes = Buffer.from(matrix.buffer);
if (endianness() === "BE") bytes.swap64();
console.log(createHash("sha256").update(bytes).digest("hex"));
