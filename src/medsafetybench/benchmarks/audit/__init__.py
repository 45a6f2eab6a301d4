"""What is in a set of requests: counts, duplicates, leakage, label noise, junk, phrasing, twins.

audit([load_benchmark("medsafety/improve"), load_benchmark("medsafety/eval")])
leaked_ids(eval_benchmark, train_benchmark)     # ids to leave out of an evaluation
"""

from .audit import Audit, audit
from .duplicates import Likeness, leaked_ids

__all__ = ["Audit", "Likeness", "audit", "leaked_ids"]
