// The lines to paste: each fetches the tensor that the page shows.

import { byId, element, fill } from "./elements.mjs";

/** How each language reads the dtype's values; null if it has no type for them. */
const TYPES = {
  float32: { rust: "f32", javascript: "Float32Array", julia: "Float32", bytes: 4 },
  float64: { rust: "f64", javascript: "Float64Array", julia: "Float64", bytes: 8 },
  float16: { rust: "u16", javascript: "Uint16Array", julia: "Float16", bytes: 2 },
  bfloat16: { rust: "u16", javascript: "Uint16Array", julia: "UInt16", bytes: 2 },
  float8_e4m3fn: { rust: "u8", javascript: "Uint8Array", julia: "UInt8", bytes: 1 },
  float8_e5m2: { rust: "u8", javascript: "Uint8Array", julia: "UInt8", bytes: 1 },
};

const LANGUAGES = {
  curl: { name: "curl", write: curl },
  rust: { name: "Rust", write: rust },
  julia: { name: "Julia", write: julia },
  javascript: { name: "JavaScript", write: javascript },
  python: { name: "Python", write: python },
};

/** npy if the dtype and the order fit it, else safetensors, else bare values. */
function fileOf({ formats }) {
  const [format] = ["npy", "safetensors", "raw"].filter((each) => formats[each]?.url);
  return { format, url: location.origin + formats[format].url };
}

const rawOf = ({ formats }) => location.origin + formats.raw.url;

/** Whether a type holds the bits of the values and not the values. */
const bits = (type) => /^(u\d|UInt|Uint)/.test(type);

function curl(certificate) {
  const { format, url } = fileOf(certificate);
  return { code: `curl --fail --output weight.${format} '${url}'`, note: "" };
}

function python(certificate) {
  const { format, url } = fileOf(certificate);
  if (format === "npy") {
    const code = [
      "import io, urllib.request, numpy",
      `w = numpy.load(io.BytesIO(urllib.request.urlopen("${url}").read()))`,
      "print(w.shape, w.dtype)",
    ].join("\n");
    return { code, note: "It needs NumPy." };
  }
  if (format === "safetensors") {
    const code = [
      "import urllib.request, safetensors.torch",
      `[w] = safetensors.torch.load(urllib.request.urlopen("${url}").read()).values()`,
      "print(w.shape, w.dtype)",
    ].join("\n");
    return { code, note: "It needs PyTorch and safetensors, because NumPy has no such dtype." };
  }
  const code = [
    "import urllib.request",
    `w = urllib.request.urlopen("${url}").read()`,
    "print(len(w))",
  ].join("\n");
  return { code, note: "These are the bytes of the values." };
}

function javascript(certificate) {
  const type = TYPES[certificate.dtype].javascript;
  const code = [
    `const answer = await fetch("${rawOf(certificate)}");`,
    "if (!answer.ok) throw new Error(await answer.text());",
    `const w = new ${type}(await answer.arrayBuffer());`,
    "console.log(w.length, w[0]);",
  ].join("\n");
  return { code, note: bits(type) ? "Each number has the bits of a value." : "A module for Node or a browser." };
}

function rust(certificate) {
  const { rust: type, bytes } = TYPES[certificate.dtype];
  const { host, protocol } = location;
  const address = host.includes(":") ? host : `${host}:80`;
  const code = [
    "use std::io::{Read, Write};",
    "",
    "fn main() -> std::io::Result<()> {",
    `    let mut stream = std::net::TcpStream::connect("${address}")?;`,
    `    let path = "${certificate.formats.raw.url}";`,
    `    write!(stream, "GET {path} HTTP/1.1\\r\\nHost: ${host}\\r\\nConnection: close\\r\\n\\r\\n")?;`,
    "    let mut answer = Vec::new();",
    "    stream.read_to_end(&mut answer)?;",
    '    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));',
    '    let head = answer.windows(4).position(|end| end == b"\\r\\n\\r\\n").expect("a head");',
    `    let w: Vec<${type}> = answer[head + 4..]`,
    `        .chunks_exact(${bytes})`,
    "        .map(|value| {",
    `            let mut bytes = [0; ${bytes}];`,
    "            bytes.copy_from_slice(value);",
    `            ${type}::from_le_bytes(bytes)`,
    "        })",
    "        .collect();",
    '    println!("{} {:?}", w.len(), w.first());',
    "    Ok(())",
    "}",
  ].join("\n");
  const plain = protocol === "http:" ? "" : " It has no TLS: give it an address that speaks plain HTTP.";
  return { code, note: `The standard library alone.${bits(type) ? " Each number has the bits of a value." : ""}${plain}` };
}

function julia(certificate) {
  const type = TYPES[certificate.dtype].julia;
  const { shape, order } = certificate;
  const values = `reinterpret(${type}, read(Downloads.download("${rawOf(certificate)}")))`;
  const reversed = `reshape(${values}, (${[...shape].reverse().map((extent) => `${extent},`).join(" ")}))`;
  const axes = `(${shape.map((_, axis) => `${shape.length - axis},`).join(" ")})`;
  const inOrder = order === "F" ? `reshape(${values}, (${shape.map((extent) => `${extent},`).join(" ")}))` : reversed;
  const w = shape.length < 2 || order === "F" ? inOrder : `permutedims(${reversed}, ${axes})`;
  const code = ["using Downloads", `w = ${w}`, "println(size(w))"].join("\n");
  const meaning = bits(type) ? " Each number has the bits of a value." : "";
  return { code, note: `Not run here: no test of this page runs Julia.${meaning}` };
}

const chosen = () => {
  const wanted = location.hash.slice(1);
  return Object.hasOwn(LANGUAGES, wanted) ? wanted : "curl";
};

let current = null;

/** Make the choice of languages. The address keeps it behind the #. */
export function prepareLines() {
  const choice = ([id, { name }]) => {
    const input = element("input", { type: "radio", name: "language", value: id, checked: id === chosen() });
    input.addEventListener("change", () => {
      history.replaceState(null, "", `#${id}`);
      write();
    });
    return element("label", {}, input, name);
  };
  byId("languages").append(...Object.entries(LANGUAGES).map(choice));
  byId("copy").addEventListener("click", copy);
}

/** Choose the language that the address names. */
export function readLanguage() {
  document.querySelector(`input[name=language][value=${chosen()}]`).checked = true;
}

/** Show the line for a certificate's tensor. */
export function drawLines(certificate) {
  current = certificate;
  write();
}

function write() {
  if (current === null) return;
  const { code, note } = LANGUAGES[chosen()].write(current);
  fill("line", code);
  byId("line-note").textContent = note;
  byId("copy").textContent = "Copy";
  keepLanguage();
}

/** Links to other questions lead to the same language. */
function keepLanguage() {
  for (const link of document.querySelectorAll('a[href^="/?"]')) {
    const [question] = link.getAttribute("href").split("#");
    link.setAttribute("href", `${question}${location.hash}`);
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText(byId("line").textContent);
    byId("copy").textContent = "Copied";
  } catch {
    // Browsers give the clipboard to pages of this machine and to those with TLS alone.
    getSelection().selectAllChildren(byId("line"));
    byId("copy").textContent = "Selected";
  }
}
