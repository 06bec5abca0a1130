"""WHERE: pure functions on frozen dataclasses and arrays."""

import os

# More threads of BLAS made balancing six times slower: its matrices are small. Said before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
