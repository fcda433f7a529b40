// Fetches the .npy paths given on standard input, one a line, from the server named by the
// argument; prints shape, descr, order and the SHA-256 of the data of each as a line of JSON.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

const base = process.argv[2];

function parseNpy(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = String.fromCharCode(...bytes.subarray(0, 6));
  if (magic !== "\x93NUMPY" || bytes[6] !== 1) throw new Error("not a version 1 .npy file");
  const start = 10 + view.getUint16(8, true);
  const head = new TextDecoder("latin1").decode(bytes.subarray(10, start));
  const shape = /'shape': \(([^)]*)\)/.exec(head)[1];
  return {
    shape: shape.split(",").filter((extent) => extent.trim()).map(Number),
    descr: /'descr': '([^']*)'/.exec(head)[1],
    fortran: /'fortran_order': True/.test(head),
    data: bytes.subarray(start),
  };
}

for await (const path of createInterface({ input: process.stdin })) {
  const response = await fetch(base + path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  const { shape, descr, fortran, data } = parseNpy(new Uint8Array(await response.arrayBuffer()));
  const sha256 = createHash("sha256").update(data).digest("hex");
  console.log(JSON.stringify({ shape, descr, fortran, bytes: data.length, sha256 }));
}
