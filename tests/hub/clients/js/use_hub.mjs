// Call the functions of @huggingface/hub on a Hub: node use_hub.mjs MODULES QUESTION.json ANSWER.json
//
// MODULES is the node_modules that has @huggingface/hub. QUESTION.json has `hubUrl`, `repo`,
// `revision`, a `file` of tensors, an `absent` file, a `foreign` repo id, the start and end of a
// `slice` of the file, and a folder `cache`. ANSWER.json has what each function answers.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, question, answer] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/`));
const hub = require("@huggingface/hub");

const asked = JSON.parse(readFileSync(question, "utf8"));
const { hubUrl, repo, revision, file, absent, foreign, cache } = asked;
const at = { hubUrl, repo, revision };

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function listing() {
  const found = {};
  for await (const each of hub.listFiles({ ...at, recursive: true })) {
    found[each.path] = each.size;
  }
  return found;
}

async function download(path) {
  const blob = await hub.downloadFile({ ...at, path });
  return blob && digest(Buffer.from(await blob.arrayBuffer()));
}

async function slice(start, stop) {
  const blob = await hub.downloadFile({ ...at, path: file });
  return Buffer.from(await blob.slice(start, stop).arrayBuffer()).toString("hex");
}

async function snapshot() {
  const folder = await hub.snapshotDownload({ ...at, cacheDir: cache });
  const names = readdirSync(folder);
  return {
    commit: folder.split("/").at(-1),
    files: Object.fromEntries(names.map((name) => [name, digest(readFileSync(join(folder, name)))])),
  };
}

async function refusal() {
  try {
    await hub.modelInfo({ hubUrl, name: foreign });
  } catch (error) {
    return { status: error.statusCode, said: error.data.message };
  }
  return {};
}

const info = await hub.modelInfo({ hubUrl, name: repo, revision, additionalFields: ["sha"] });
// Without a revision it asks for HEAD.
const main = await hub.modelInfo({ hubUrl, name: repo, additionalFields: ["sha"] });
const listed = [];
for await (const each of hub.listModels({ hubUrl, search: { query: repo } })) listed.push(each);
const metadata = await hub.parseSafetensorsMetadata({ ...at, computeParametersCount: true });
const found = {
  info: { name: info.name, sha: info.sha },
  main: { sha: main.sha, task: main.task, updated: main.updatedAt },
  listed: listed.map(({ name, task }) => ({ name, task })),
  exists: {
    repo: await hub.repoExists({ hubUrl, repo }),
    "foreign repo": await hub.repoExists({ hubUrl, repo: foreign }),
    file: await hub.fileExists({ ...at, path: file }),
    "absent file": await hub.fileExists({ ...at, path: absent }),
  },
  listing: await listing(),
  paths: await hub.pathsInfo({ ...at, paths: ["config.json", absent, file] }),
  fileInfo: await hub.fileDownloadInfo({ ...at, path: file }),
  digest: await download(file),
  absent: await download(absent),
  slice: await slice(...asked.slice),
  metadata: {
    sharded: metadata.sharded,
    header: metadata.header,
    parameters: metadata.parameterCount,
  },
  snapshot: await snapshot(),
  refusal: await refusal(),
};
writeFileSync(answer, JSON.stringify(found));
