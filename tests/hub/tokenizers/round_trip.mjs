// What the tokenizers of transformers.js make of texts.
//
//     node round_trip.mjs NODE_MODULES TEXTS.json ANSWER.json DIRECTORY...
//
// TEXTS.json is a list. ANSWER.json has for each directory:
//
// - `length`: the entries of the vocabulary.
// - `texts_of_ids`: the text of each of the first 600 ids, and of the last 10.
// - `texts`: a list with a member for each text: its ids with and without special tokens, and the
//   text of each. An empty list of ids has no text here, because the library refuses to decode it.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, texts, answer, ...directories] = process.argv.slice(2);
const { Tokenizer } = createRequire(join(modules, "here.cjs"))("@huggingface/tokenizers");
const read = (...path) => JSON.parse(readFileSync(join(...path), "utf8"));

function tried(tokenizer, text) {
  const plain = tokenizer.encode(text, { add_special_tokens: false }).ids;
  const whole = tokenizer.encode(text).ids;
  const decoded = (ids, options) => (ids.length ? tokenizer.decode(ids, options) : null);
  return {
    plain,
    whole,
    plain_text: decoded(plain, { skip_special_tokens: false }),
    whole_text: decoded(whole, { skip_special_tokens: true }),
  };
}

const found = {};
for (const directory of directories) {
  const files = ["tokenizer.json", "tokenizer_config.json"].map((name) => read(directory, name));
  const tokenizer = new Tokenizer(...files);
  const length = tokenizer.get_vocab().size;
  const numbers = Array.from({ length }, (_, number) => number);
  const ends = numbers.filter((number) => number < 600 || number >= length - 10);
  found[directory] = {
    length,
    texts_of_ids: Object.fromEntries(ends.map((each) => [each, tokenizer.decode([each])])),
    texts: read(texts).map((text) => tried(tokenizer, text)),
  };
}
writeFileSync(answer, JSON.stringify(found));
