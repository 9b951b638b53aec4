"""What a fleet of Collectors does with sessions: which gateway gets which, and what each span costs."""

import sys
from pathlib import Path

# Collectors, brokers and databases are started, and tables filled, as the tests of the configurations do it.
_TESTS = Path(__file__).parents[2] / "tests"
sys.path[:0] = [str(_TESTS), str(_TESTS / "collector")]
