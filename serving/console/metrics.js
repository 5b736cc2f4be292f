// What /metrics tells, read: Prometheus' text form, and what follows from its histograms.

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Text → [{name, labels, value}]. */
export function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    const found = line.startsWith("#") ? null : LINE.exec(line);
    if (found) samples.push({ name: found[1], labels: labels(found[2] ?? ""), value: read(found[3]) });
  }
  return samples;
}

/** The one sample of a name, or null. */
export function single(samples, name) {
  return samples.find((each) => each.name === name)?.value ?? null;
}

/** Value of a label → sum of the samples of a name that carry it. */
export function labelled(samples, name, label) {
  const found = new Map();
  for (const each of samples) {
    if (each.name === name) found.set(each.labels[label], (found.get(each.labels[label]) ?? 0) + each.value);
  }
  return found;
}

/** Histograms of a name by the values of some labels: [{labels, count, sum, buckets: [[le, cumulative]]}]. */
export function histograms(samples, name, by) {
  const found = new Map();
  for (const { name: own, labels: each, value } of samples) {
    if (!own.startsWith(name)) continue;
    const key = JSON.stringify(by.map((label) => each[label]));
    const one = found.get(key) ?? { labels: each, count: 0, sum: 0, buckets: new Map() };
    found.set(key, one);
    if (own === `${name}_count`) one.count += value;
    if (own === `${name}_sum`) one.sum += value;
    if (own === `${name}_bucket`) one.buckets.set(read(each.le), (one.buckets.get(read(each.le)) ?? 0) + value);
  }
  return [...found.values()].map((one) => ({ ...one, buckets: [...one.buckets].sort(([a], [b]) => a - b) }));
}

/** The value below which a share of what a histogram has counted lies, linear within its bucket; Infinity beyond the last. */
export function quantile({ count, buckets }, share) {
  if (!count) return null;
  const wanted = share * count;
  let [below, before] = [0, 0];
  for (const [le, cumulative] of buckets) {
    if (cumulative >= wanted) {
      if (le === Infinity) return Infinity;
      return below + ((le - below) * (wanted - before)) / Math.max(cumulative - before, 1);
    }
    [below, before] = [le, cumulative];
  }
  return Infinity;
}

function labels(text) {
  const found = {};
  for (const [, name, value] of text.matchAll(LABEL)) {
    found[name] = value.replace(/\\(.)/g, (_, each) => (each === "n" ? "\n" : each));
  }
  return found;
}

function read(text) {
  if (text === "+Inf") return Infinity;
  return text === "-Inf" ? -Infinity : Number(text);
}
