"""What an experiment that ran has shown: its arms, compared by the users who were in them.

Nothing is weighted here: chance chose the arm of a user, so what users of an arm earned is what its policy earns.
"""
