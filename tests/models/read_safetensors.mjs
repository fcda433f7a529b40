// Reads a model without any package: model.safetensors, or the shards of an index beside it.
//
//     node read_safetensors.mjs DIRECTORY
//
// Prints a line of JSON for each tensor, in the order of the names: its file, dtype, shape, first
// and last values, and the SHA-256 of its bytes. Fails if a file has a hole, two tensors overlap, or
// the index names what is not there.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SHOWN = 4;

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

function bfloat(bits) {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits * 65536);
  return view.getFloat32(0);
}

// The bytes of an element, and its value at a place of the data.
const DTYPES = {
  F64: [8, (data, at) => data.getFloat64(at, true)],
  F32: [4, (data, at) => data.getFloat32(at, true)],
  F16: [2, (data, at) => half(data.getUint16(at, true))],
  BF16: [2, (data, at) => bfloat(data.getUint16(at, true))],
  I64: [8, (data, at) => Number(data.getBigInt64(at, true))],
};

function check(right, message) {
  if (!right) throw new Error(message);
}

function readFile(folder, file) {
  const bytes = readFileSync(join(folder, file));
  check(bytes.length >= 8, `${file}: no header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  check(start <= bytes.length, `${file}: the header is longer than the file`);
  const entries = JSON.parse(bytes.subarray(8, start).toString("utf8"));
  delete entries.__metadata__;
  const tensors = Object.entries(entries).map(([name, entry]) => ({ name, ...entry }));
  tensors.sort((a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  let end = 0;
  for (const { name, dtype, shape, data_offsets: [from, to] } of tensors) {
    check(dtype in DTYPES, `${file}: ${name} has the dtype ${dtype}`);
    const size = shape.reduce((product, extent) => product * extent, 1) * DTYPES[dtype][0];
    check(from === end, `${file}: ${name} begins at ${from}, and what is before it ends at ${end}`);
    check(to - from === size, `${file}: ${name} has ${to - from} bytes, and its shape ${size}`);
    end = to;
  }
  check(start + end === bytes.length, `${file}: ${bytes.length - start - end} bytes after the last tensor`);
  return tensors.map((each) => ({ ...each, file, ...values(bytes, start, each) }));
}

function values(bytes, start, { dtype, data_offsets: [from, to] }) {
  const data = bytes.subarray(start + from, start + to);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [size, value] = DTYPES[dtype];
  const count = data.length / size;
  const at = (index) => value(view, index * size);
  const shown = Math.min(SHOWN, count);
  return {
    first: Array.from({ length: shown }, (_, index) => at(index)),
    last: Array.from({ length: shown }, (_, index) => at(count - shown + index)),
    sha256: createHash("sha256").update(data).digest("hex"),
  };
}

function readModel(folder) {
  const single = existsSync(join(folder, "model.safetensors"));
  const indexed = existsSync(join(folder, "model.safetensors.index.json"));
  check(single !== indexed, "there is neither a file nor an index, or there are both");
  if (single) return readFile(folder, "model.safetensors");
  const index = JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8"));
  const files = [...new Set(Object.values(index.weight_map))];
  const tensors = files.flatMap((file) => readFile(folder, file));
  check(tensors.length === Object.keys(index.weight_map).length, "the index lists other tensors");
  for (const { name, file } of tensors) {
    check(index.weight_map[name] === file, `the index does not say that ${name} is in ${file}`);
  }
  const size = tensors.reduce((sum, { data_offsets: [from, to] }) => sum + to - from, 0);
  check(index.metadata.total_size === size, `total_size is ${index.metadata.total_size}, not ${size}`);
  return tensors;
}

const byName = (a, b) => (a.name < b.name ? -1 : 1);
for (const { data_offsets: offsets, ...tensor } of readModel(process.argv[2]).sort(byName)) {
  console.log(JSON.stringify(tensor));
}
