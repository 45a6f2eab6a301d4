"""Building a benchmark: elicit, extract, deduplicate, filter, contrast, answer, review, release.

    project = Project.create(Path("ours"), Config(name="ours"))
    run_stage(project, Elicit(project, asker))        # and so on, a stage at a time

Each stage reads what the one before it kept, and adds a file of its own to the project folder.
"""

from .project import Config, Decision, Project
from .stage import Account, run_stage

__all__ = ["Account", "Config", "Decision", "Project", "run_stage"]
