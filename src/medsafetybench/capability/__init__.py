"""What a model knows, apart from its safety: multiple choice by lm-eval, and what changed in it."""
