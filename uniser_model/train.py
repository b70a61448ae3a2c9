"""`torchrun … -m uniser_model.train PRESET …`: `uniser train` on every rank, with the same options."""

from __future__ import annotations

import sys

from uniser_core.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["train"]
    main()
