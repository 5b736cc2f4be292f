"""A line of the policy log, before it is Parquet."""

import polars as pl

LINE: dict[str, pl.DataType] = {
    "at": pl.Int64(),
    "request_id": pl.String(),
    "user_id": pl.String(),
    "arm": pl.String(),
    "bundle": pl.String(),
    "policy": pl.String(),
    "params": pl.String(),
    "seed": pl.Int64(),
    "item_id": pl.List(pl.String()),
    "propensity": pl.List(pl.Float64()),
    "score": pl.List(pl.Float64()),
    "first": pl.List(pl.Float64()),
    "degraded": pl.List(pl.String()),
    "request": pl.String(),
    "candidates": pl.Struct({"item_ids": pl.List(pl.String()), "scores": pl.List(pl.Float64())}),
    "features": pl.Struct(
        {"names": pl.List(pl.String()), "item_id": pl.List(pl.String()), "values": pl.List(pl.List(pl.Float64()))}
    ),
    "events": pl.List(
        pl.Struct(
            {
                "event_id": pl.String(),
                "user_id": pl.String(),
                "item_id": pl.String(),
                "event": pl.String(),
                "at": pl.Int64(),
                "value": pl.Float64(),
                "request_id": pl.String(),
            }
        )
    ),
}
"""The columns of a line: `at` always, in µs since the epoch; an answer has all but `events`, a post only these; what
only some answers tell is null in others: candidates, features, and `first`, which only interleaved lists have."""
