"""A judge by a request's own criteria: what it is told, how its replies are read, the judge.

judge   asks a model, in as few calls as its replies have room for
prompt  ours, and the one that HealthBench's authors published, from the user's copy of it
reading a reply's verdicts, criterion by criterion
"""
