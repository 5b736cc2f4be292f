// Numbers, times and names as people read them.

const WHOLE = new Intl.NumberFormat("en");
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const MINUTE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });

/** A number with so many decimals, its minus as wide as its plus. */
export function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return value.toFixed(digits).replace("-", "−");
}

/** The same with a sign. */
export function signed(value, digits = 3) {
  return value > 0 ? `+${number(value, digits)}` : number(value, digits);
}

/** A count. */
export function count(value) {
  return WHOLE.format(value);
}

/** A share in [0, 1] as a percentage. */
export function percent(value, digits = 0) {
  return `${number(value * 100, digits)} %`;
}

/** Seconds, in the unit that suits them. */
export function duration(seconds) {
  if (seconds === null || Number.isNaN(seconds)) return "–";
  if (!Number.isFinite(seconds)) return "over 2.5 s";
  if (seconds < 1) return `${number(seconds * 1000, seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 120) return `${number(seconds, 1)} s`;
  if (seconds < 7200) return `${number(seconds / 60, 0)} min`;
  return seconds < 172800 ? `${number(seconds / 3600, 0)} h` : `${number(seconds / 86400, 0)} days`;
}

/** The day of an instant, in UTC. */
export function day(instant) {
  return DAY.format(new Date(instant));
}

/** The minute of an instant, in UTC. */
export function minute(instant) {
  return `${MINUTE.format(new Date(instant))} UTC`;
}

/** The start of a digest. */
export function short(digest) {
  return digest.slice(0, 8);
}

/** How an amount is counted: plural(1, "event") is "1 event". */
export function plural(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}
