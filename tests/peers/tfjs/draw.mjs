// Draw weights with TensorFlow.js itself: node draw.mjs MODULES OUT.json
//
// MODULES is the node_modules that has TensorFlow.js. The file lists arrays: name, shape and the
// float32 values in base64. A name is what follows `scheme=` in the request for the same weight.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, out] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/`));
console.log = console.warn = () => {};
const tf = require("@tensorflow/tfjs");

const SEED = 20;
const MATRIX = [128, 256];
const CONV = [3, 3, 32, 64];
const listed = [];

function add(name, tensor) {
  const values = tensor.dataSync();
  const bytes = Buffer.from(Float32Array.from(values).buffer);
  listed.push({ name, shape: tensor.shape, values: bytes.toString("base64") });
}

function initializers() {
  const of = tf.initializers;
  add("tfjs.zeros", of.zeros().apply(MATRIX));
  add("tfjs.ones", of.ones().apply(MATRIX));
  add("tfjs.constant&value=0.3", of.constant({ value: 0.3 }).apply(MATRIX));
  add("tfjs.random_uniform", of.randomUniform({}).apply(MATRIX));
  add("tfjs.random_uniform&low=0", of.randomUniform({ minval: 0 }).apply(MATRIX));
  add("tfjs.random_uniform&low=0&high=0.2", of.randomUniform({ minval: 0, maxval: 0.2 }).apply(MATRIX));
  add("tfjs.random_normal", of.randomNormal({ seed: SEED }).apply(MATRIX));
  add("tfjs.random_normal&mean=0.5&std=0.2", of.randomNormal({ mean: 0.5, stddev: 0.2, seed: SEED }).apply(MATRIX));
  add("tfjs.truncated_normal", of.truncatedNormal({ seed: SEED }).apply(MATRIX));
  add("tfjs.truncated_normal&std=0.2", of.truncatedNormal({ stddev: 0.2, seed: SEED }).apply(MATRIX));
  add("tfjs.variance_scaling", of.varianceScaling({ seed: SEED }).apply(MATRIX));
  add(
    "tfjs.variance_scaling&scale=0.5&mode=fan_out&distribution=uniform",
    of.varianceScaling({ scale: 0.5, mode: "fanOut", distribution: "uniform" }).apply(MATRIX),
  );
  for (const [name, method] of [["glorot", "glorot"], ["he", "he"], ["lecun", "leCun"]]) {
    for (const distribution of ["Normal", "Uniform"]) {
      const made = of[`${method}${distribution}`]({ seed: SEED });
      add(`tfjs.${name}_${distribution.toLowerCase()}`, made.apply(MATRIX));
      add(`tfjs.${name}_${distribution.toLowerCase()}#conv`, made.apply(CONV));
    }
  }
  add("tfjs.orthogonal", of.orthogonal({}).apply([24, 40]));
  add("tfjs.orthogonal&gain=1.5#tall", of.orthogonal({ gain: 1.5 }).apply([40, 24]));
  add("tfjs.orthogonal#conv", of.orthogonal({}).apply([3, 3, 4, 16]));
  add("tfjs.identity&gain=0.5", of.identity({ gain: 0.5 }).apply([24, 24]));
}

function weights(prefix, layer, shape, names) {
  layer.build(shape);
  for (const [suffix, name] of Object.entries(names)) {
    const weight = layer.weights.find((each) => each.originalName.endsWith(name));
    add(`${prefix}${suffix}`, weight.read());
  }
}

function defaults() {
  const of = tf.layers;
  const kernel = { "": "kernel" };
  weights("tfjs.dense", of.dense({ units: 256 }), [null, 128], { "": "kernel", ".bias": "bias" });
  weights("tfjs.conv1d", of.conv1d({ filters: 128, kernelSize: 3 }), [null, 16, 64], kernel);
  weights("tfjs.conv2d", of.conv2d({ filters: 64, kernelSize: 3 }), [null, 16, 16, 32], kernel);
  weights("tfjs.conv", of.conv2d({ filters: 64, kernelSize: 3 }), [null, 16, 16, 32], { ".bias": "bias" });
  weights("tfjs.conv3d", of.conv3d({ filters: 32, kernelSize: 3 }), [null, 8, 8, 8, 16], kernel);
  weights("tfjs.conv2d_transpose", of.conv2dTranspose({ filters: 64, kernelSize: 3 }), [null, 16, 16, 32], kernel);
  weights("tfjs.conv3d_transpose", of.conv3dTranspose({ filters: 32, kernelSize: 3 }), [null, 8, 8, 8, 16], kernel);
  weights(
    "tfjs.depthwise_conv2d",
    of.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2 }),
    [null, 16, 16, 1024],
    { "": "depthwise_kernel" },
  );
  weights("tfjs.separable_conv2d", of.separableConv2d({ filters: 64, kernelSize: 3 }), [null, 16, 16, 512], {
    ".depthwise_kernel": "depthwise_kernel",
    ".pointwise_kernel": "pointwise_kernel",
  });
  weights("tfjs.embedding", of.embedding({ inputDim: 500, outputDim: 64 }), [null, 5], { "": "embeddings" });
  const cell = { ".kernel": "kernel", ".recurrent_kernel": "recurrent_kernel", ".bias": "bias" };
  weights("tfjs.lstm", of.lstmCell({ units: 16 }), [null, 256], cell);
  weights("tfjs.gru", of.gruCell({ units: 16, recurrentActivation: "sigmoid" }), [null, 256], cell);
  weights("tfjs.simple_rnn", of.simpleRNNCell({ units: 32 }), [null, 256], cell);
  const norm = { ".gamma": "gamma", ".beta": "beta" };
  weights("tfjs.layer_normalization", of.layerNormalization(), [null, 64], norm);
  weights("tfjs.batch_normalization", of.batchNormalization(), [null, 64], norm);
}

await tf.setBackend("cpu");
initializers();
defaults();
writeFileSync(out, JSON.stringify(listed));
