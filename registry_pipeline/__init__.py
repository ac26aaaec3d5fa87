"""A nightly pipeline for a ketamine-therapy outcomes registry."""

import os

# Our matrices are small. OpenBLAS would start a thread for every core of the host, and they wait by spinning: where a
# container may use only some of the cores, that takes minutes from DuckDB. It is read when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
