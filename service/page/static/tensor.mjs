// The section with the values of a tensor: a histogram or a picture, and what was measured.

import { NO_PICTURE, byId, canDraw, counted, described, fill, shortest } from "./elements.mjs";
import { drawHistogram, histogramOf } from "./histogram.mjs";
import { lawOf } from "./laws.mjs";
import {
  departure, drawKernels, drawMatrix, drawSequence, kernelsOf, matrixOf, sliceFor, viewOf,
} from "./pictures.mjs";
import { firstBytes, json } from "./service.mjs";
import { DTYPES, fitsAnAxis, moments, valuesOf } from "./values.mjs";

/** Values of a histogram, which are the first ones of the tensor. */
const MOST_VALUES = 65536;
/** Values of a picture, if the tensor is a slice already. */
const MOST_PICTURED = 262144;
/** Elements of a matrix that is computed as a whole for a picture of a part. */
const MOST_MATERIALISED = 2 ** 22;

/** What the section shows: the certificate, the values that came, and the view. */
export async function fetchTensor(certificate, signal) {
  const view = viewOf(certificate);
  const { elements, access } = certificate;
  if (elements === 0) return { certificate, view, values: null, why: "The tensor has no elements." };
  if (access === "materialised" && elements > MOST_MATERIALISED) {
    const why = `The matrix is computed as a whole, and ${counted(elements)} values are too many for a picture.`;
    return { certificate, view, values: null, why };
  }
  const whole = view === "histogram" || certificate.slice !== null ? null : sliceOf(view, certificate);
  if (whole === null && view !== "histogram" && elements > MOST_PICTURED) {
    const why = `A picture needs all values, and ${counted(elements)} are too many.`;
    return { certificate, view, values: null, why };
  }
  const shown = whole === null ? certificate : await json(sliced(certificate, whole), signal);
  const { bytes, url } = shown.formats.raw;
  const wanted = MOST_VALUES * DTYPES[shown.dtype].bytes;
  const buffer = await firstBytes(url, bytes, view === "histogram" ? wanted : bytes, signal);
  return { certificate, shown, view, values: valuesOf(buffer, shown.dtype), why: "" };
}

function sliceOf(view, certificate) {
  const complete = certificate.access === "materialised" && certificate.elements <= MOST_PICTURED;
  return complete ? null : sliceFor(view, certificate);
}

const sliced = (certificate, items) => `${certificate.formats.json.url}&slice=${items.join(",")}`;

/** Draw the section. `width` is that of the picture. */
export function drawTensor({ certificate, shown, view, values, why }, width) {
  byId("tensor-about").textContent = aboutOf(certificate, values, why);
  byId("measured").textContent = "";
  if (values === null) {
    fill("tensor-plot");
    return;
  }
  const drawing = pictureOf({ certificate, shown, view, values }, width);
  if (drawing === null) {
    const why = canDraw() ? "There is no picture, because an axis cannot show numbers of this size." : NO_PICTURE;
    byId("tensor-about").textContent = aboutOf(certificate, values, why);
    fill("tensor-plot");
    return;
  }
  fill("tensor-plot", described(drawing, `${byId("tensor-about").textContent} ${byId("measured").textContent}`));
}

/** The picture; null if no axis fits the numbers, or without the scripts that draw. */
function pictureOf({ certificate, shown, view, values }, width) {
  if (view === "histogram") {
    const law = lawOf(certificate);
    byId("measured").textContent = measuredOf(certificate, values, law);
    const bins = histogramOf(values, law, certificate.dtype);
    return bins === null || !canDraw() ? null : drawHistogram(bins, certificate.dtype, width);
  }
  const most = values.reduce((found, value) => Math.max(found, Math.abs(value)), 0);
  if (!canDraw() || (most > 0 && !fitsAnAxis(0, most))) return null;
  if (view === "sequence") return drawSequence(values, width);
  byId("tensor-about").textContent += coloursOf(most);
  if (view === "kernels") return drawKernels(kernelsOf(shown, values), width);
  const matrix = matrixOf(shown, values);
  if (certificate.access === "materialised" && shown === certificate && certificate.slice === null) {
    byId("measured").textContent = orthogonality(matrix);
  }
  return drawMatrix(matrix, width);
}

function aboutOf(certificate, values, why) {
  if (certificate === undefined) return why;
  const { scheme, dtype, shape, elements } = certificate;
  const what = `${scheme}, ${dtype}, ${shape.length === 0 ? "a scalar" : shape.join(" x ")}.`;
  if (why !== "") return `${what} ${why}`;
  const part = values.length < elements ? `${counted(values.length)} of ` : "";
  const line = lawOf(certificate) === null ? "" : " The line is what the law expects.";
  return `${what} ${part}${counted(elements)} ${elements === 1 ? "value" : "values"}.${line}`;
}

/** How the colours of cells are read. */
const coloursOf = (most) =>
  most === 0 ? "" : ` Blue cells are above 0 and orange ones below. A full colour is ${shortest(most)} or -${shortest(most)}.`;

/** Mean and std of the values, and how far they are from the expected ones in standard errors. */
function measuredOf({ rounded, mean, std, distribution }, values, law) {
  if (distribution === "constant" || std === 0) return `Every value is ${shortest(values[0])}.`;
  const found = moments(values);
  const expected = { mean: rounded?.mean ?? mean, std: rounded?.std ?? std };
  if (values.length < 2 || !(expected.std > 0)) return `Mean ${shortest(found.mean)}, std ${shortest(found.std)}.`;
  const kurtosis = law?.kurtosis ?? found.kurtosis ?? 3;
  const errors = {
    mean: expected.std / Math.sqrt(values.length),
    std: expected.std * Math.sqrt((kurtosis - 1) / (4 * values.length)),
  };
  const told = (name) => {
    const away = Math.abs(found[name] - expected[name]) / errors[name];
    return `${name} ${shortest(found[name])}, expected ${shortest(expected[name])}: ${away.toFixed(1)} standard errors apart`;
  };
  return `Measured ${told("mean")}; ${told("std")}.`;
}

function orthogonality(matrix) {
  const { most, what, scale } = departure(matrix);
  const times = shortest(scale) === "1" ? "" : `${shortest(scale)} times `;
  return `${what} is ${times}the identity. Its elements differ from that by ${(most * scale).toExponential(1)} at most.`;
}
