"""The tests. What they start may write bytecode: else each process would compile the whole package again."""

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
