"""Guard models: what each family is sent, how its reply is read, and what it can tell.

guard    the judge
family   what is known of a family: a small file of data, ours or the user's
reply    reading a reply: strict, anything else is unscored
"""
