// Estimates with their intervals, drawn on one scale.

import { h } from "./element.js";

/** A scale that holds all of the estimates and zero. */
export function scale(estimates) {
  const values = estimates.filter(Boolean).flatMap((each) => [each.low, each.mean, each.high]).filter((each) => each !== null);
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const room = (high - low || 1) * 0.04;
  const place = (value) => (value - low + room) / (high - low + 2 * room);
  return { place, zero: place(0) };
}

/** The interval as a line, its mean as a mark, zero as a rule; for the eye: the figures stand beside it. */
export function interval(estimate, { place, zero }) {
  const rule = h("span", { class: "zero", vars: { at: zero } });
  if (!estimate) return h("span", { class: "interval", "aria-hidden": "true" }, rule);
  const bounded = estimate.low !== null && estimate.high !== null;
  const line = bounded
    ? h("span", { class: "reach", vars: { from: place(estimate.low), to: place(estimate.high) } }) : null;
  return h("span", { class: "interval", "aria-hidden": "true" }, rule, line,
    h("span", { class: "mean", vars: { at: place(estimate.mean) } }));
}
