"""The forms that a run is exported in, one file each; ``exports.FORMS`` is their table.

examples       what models are trained on: OpenAI's, TRL's and the paper's files
folder         every row, as datasets.load_dataset opens it
eee            Every Eval Ever 0.3: a result, and its samples
hub            Hugging Face: .eval_results, and a model card with its model-index
chai           CHAI's Applied Model Card 0.2
inspect        a log of Inspect's
material       what a form is made from, what came of it, and what it could not hold
"""
