"""What a policy would have earned, judged by the log of another that chose at random.

log         the log as arrays: requests, places, what they earned; why it may tell nothing
told        what a policy would have done with them, from a file of its probabilities or scores
estimators  what it would have earned, one formula a file
intervals   how far to trust that, users as the unit
judging     which estimators the log supports, and what can be said
page        the same as HTML
"""
