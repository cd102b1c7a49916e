"""Fetch data sets: `python -m utils.data [NAME …]`."""

import sys

from utils.data.registry import main

sys.exit(main(sys.argv[1:]))
