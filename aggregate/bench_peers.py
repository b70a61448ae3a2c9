"""The corpus job written for polars and for DuckDB, as one would by hand.

`python -m aggregate.bench_peers NAME DIR OUT` runs one.

The same work on the same shards: repeats of a pair dropped, equal clean pictures of one effect kept in one source,
groups and clean pictures on one side of the split, a quota per effect shared out over data sets and variants, and an
index of every metadata column sorted by hash. Ties between groups are followed twice, not to their end.
"""

from __future__ import annotations

import sys
from pathlib import Path

from uniser_core.pair import METADATA_COLUMNS

TEST_SHARE, QUOTA_SHARE = 0.1, 0.6


def polars_job(folder: str, out: str) -> None:
    """In polars, lazily as far as it goes."""
    import polars as pl

    rows = pl.scan_parquet(f"{folder}/*/*.parquet", include_file_paths="file").select(*METADATA_COLUMNS, "file")
    rows = rows.with_columns(
        pl.col("effect", "dataset", "origin").cast(pl.String),
        order=pl.col("pair_id").hash(1),
        group_hash=pl.col("group_id").hash(2),
        source=pl.col("file").str.extract(r"source-(\d+)").cast(pl.Int32),
    ).with_row_index("row")
    names = ["row", "effect", "dataset", "variant", "order", "group_id", "group_hash", "source"]
    facts = rows.select(*names, "input_sha256", "target_sha256").collect()
    facts = facts.sort("source", "row").unique(["effect", "input_sha256", "target_sha256"], keep="first")
    first = pl.col("source").min().over("effect", "target_sha256")
    facts = facts.filter(pl.col("source") == first)
    facts = facts.with_columns(test=pl.col("group_hash") < int(TEST_SHARE * 2**64))
    for _ in range(2):
        facts = facts.with_columns(test=pl.col("test").any().over("target_sha256"))
        facts = facts.with_columns(test=pl.col("test").any().over("group_id"))
    cell = ("effect", "dataset", "variant", "test")
    facts = facts.with_columns(rank=pl.col("order").rank("ordinal").over(*cell), there=pl.len().over(*cell))
    facts = facts.filter(pl.col("rank") <= (pl.col("there") * QUOTA_SHARE).ceil())
    index = rows.join(facts.select("row", "test").lazy(), on="row").drop("source", "group_hash").sort("order")
    index.collect().write_parquet(f"{out}/index.parquet", compression="zstd")


def duckdb_job(folder: str, out: str) -> None:
    """In SQL."""
    import duckdb

    names = ", ".join(METADATA_COLUMNS)
    db = duckdb.connect(f"{out}/scratch.duckdb")
    db.sql(f"set temp_directory='{out}'")
    db.sql(f"""create table facts as select row_number() over () as row, effect, dataset, variant, group_id,
        target_sha256, input_sha256, hash(pair_id) as ord, hash(group_id) as group_hash,
        filename as file, file_row_number as nth, regexp_extract(filename, 'source-(\\d+)', 1)::int as source
        from read_parquet('{folder}/*/*.parquet', filename=true, file_row_number=true)""")
    db.sql("""create table kept as select * from facts
        qualify row_number() over (partition by effect, input_sha256, target_sha256 order by source, row) = 1""")
    db.sql("""create table one as select *, group_hash < 0.1 * 18446744073709551616 as t0 from kept
        qualify source = min(source) over (partition by effect, target_sha256)""")
    for step in (1, 2):
        db.sql(f"""create table c{step} as select *, bool_or(t{step - 1}) over (partition by target_sha256) as u{step}
            from {"one" if step == 1 else "g1"}""")
        db.sql(
            f"create table g{step} as select *, bool_or(u{step}) over (partition by group_id) as t{step} from c{step}"
        )
    db.sql(f"""create table chosen as select file, nth, t2 as test, ord from g2 qualify
        row_number() over (partition by effect, dataset, variant, t2 order by ord)
        <= ceil({QUOTA_SHARE} * count(*) over (partition by effect, dataset, variant, t2))""")
    db.sql(f"""copy (select {names}, filename as file, test from
        read_parquet('{folder}/*/*.parquet', filename=true, file_row_number=true) rows
        join chosen on rows.filename = chosen.file and rows.file_row_number = chosen.nth order by ord)
        to '{out}/index.parquet' (format parquet, compression zstd)""")


if __name__ == "__main__":
    Path(sys.argv[3]).mkdir(parents=True, exist_ok=True)
    {"polars": polars_job, "duckdb": duckdb_job}[sys.argv[1]](sys.argv[2], sys.argv[3])
